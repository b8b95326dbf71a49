// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/testing/test_etcd.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "base/random.h"
#include "cluster/etcd/etcd_client.h"
#include "cluster/testing/free_port.h"

namespace henge::cluster {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{30};
grpc::ClientContext& Within(grpc::ClientContext& context, milliseconds time) {
  context.set_deadline(std::chrono::system_clock::now() + time);
  return context;
}

}  // namespace

TestEtcd::TestEtcd()
    : folder_(std::filesystem::temp_directory_path() / ("henge-etcd-" + RandomHex(12))),
      port_(FreePort(/*in_a_row=*/2)),  // For clients, and for peers that there are none of.
      endpoint_(absl::StrCat("127.0.0.1:", port_)) {
  std::filesystem::create_directories(folder_);
}

TestEtcd::~TestEtcd() {
  Kill();
  std::filesystem::remove_all(folder_);
}

// Elections quick enough for leases of a second.
bool TestEtcd::Spawn() {
  const std::string peers = absl::StrCat("http://127.0.0.1:", port_ + 1);
  const std::string clients = absl::StrCat("http://", endpoint_);
  std::vector<std::string> words = {"etcd",
                                    "--data-dir",
                                    (folder_ / "data").string(),
                                    "--listen-client-urls",
                                    clients,
                                    "--advertise-client-urls",
                                    clients,
                                    "--listen-peer-urls",
                                    peers,
                                    "--initial-advertise-peer-urls",
                                    peers,
                                    "--initial-cluster",
                                    "default=" + peers,
                                    "--heartbeat-interval",
                                    "10",
                                    "--election-timeout",
                                    "100",
                                    "--log-level",
                                    "warn",
                                    "--logger",
                                    "zap"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::string log = (folder_ / "log").string();
  process_ = fork();
  if (process_ != 0) return process_ > 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

bool TestEtcd::Answers() {
  const EtcdLine line(endpoint_, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  etcdserverpb::RangeRequest request;
  request.set_key("/");
  etcdserverpb::RangeResponse reply;
  context.set_wait_for_ready(true);
  return line.kv->Range(&Within(context, milliseconds(2000)), request, &reply).ok();
}

void TestEtcd::Start() {
  ASSERT_TRUE(Spawn());
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (Answers()) return;
    if (waitpid(process_, nullptr, WNOHANG) == process_) break;
    std::this_thread::sleep_for(milliseconds(10));
  }
  std::stringstream log;
  log << std::ifstream(folder_ / "log").rdbuf();
  FAIL() << "etcd (Debian's etcd-server) does not answer:\n" << log.str();
}

void TestEtcd::Kill() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = 0;
}

void TestEtcd::Pause() { kill(process_, SIGSTOP); }

void TestEtcd::Resume() { kill(process_, SIGCONT); }

void TestEtcd::WipeDisk() { std::filesystem::remove_all(folder_ / "data"); }

int64_t TestEtcd::Put(std::string_view key, std::string_view value) {
  const EtcdLine line(endpoint_, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  etcdserverpb::PutRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  etcdserverpb::PutResponse reply;
  context.set_wait_for_ready(true);
  EXPECT_TRUE(line.kv->Put(&Within(context, kPatience), request, &reply).ok());
  return reply.header().revision();
}

int64_t TestEtcd::Delete(std::string_view key) {
  const EtcdLine line(endpoint_, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  etcdserverpb::DeleteRangeRequest request;
  request.set_key(std::string(key));
  etcdserverpb::DeleteRangeResponse reply;
  context.set_wait_for_ready(true);
  EXPECT_TRUE(line.kv->DeleteRange(&Within(context, kPatience), request, &reply).ok());
  return reply.header().revision();
}

std::optional<std::string> TestEtcd::Get(std::string_view key) {
  const EtcdLine line(endpoint_, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  etcdserverpb::RangeRequest request;
  request.set_key(std::string(key));
  etcdserverpb::RangeResponse reply;
  context.set_wait_for_ready(true);
  EXPECT_TRUE(line.kv->Range(&Within(context, kPatience), request, &reply).ok());
  if (reply.kvs_size() == 0) return std::nullopt;
  return reply.kvs(0).value();
}

void TestEtcd::CompactAll() {
  const int64_t revision = Put("/another-key", RandomHex(8));
  const EtcdLine line(endpoint_, grpc::InsecureChannelCredentials());
  grpc::ClientContext context;
  etcdserverpb::CompactionRequest request;
  request.set_revision(revision);
  etcdserverpb::CompactionResponse reply;
  context.set_wait_for_ready(true);
  EXPECT_TRUE(line.kv->Compact(&Within(context, kPatience), request, &reply).ok());
}

}  // namespace henge::cluster
