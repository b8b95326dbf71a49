// SPDX-License-Identifier: Apache-2.0
#include "server/observability/health_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/config/config.h"

namespace henge::server {
namespace {

using Membership = HealthQuestion::Membership;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kAlone = "*1\r\n$4\r\nPING\r\n";

// A node that takes one connection and answers each request it knows, in the order they are
// expected; the connection ends with the first that is another.
class FakeNode {
 public:
  using Script = std::vector<std::pair<std::string, std::string>>;

  explicit FakeNode(Script script) : script_(std::move(script)) {
    sockaddr_in address{
        .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t size = sizeof(address);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeNode() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  HealthQuestion Question() const { return {.hosts = {"127.0.0.1"}, .port = port_}; }

 private:
  void Serve() const {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    for (const auto& [request, reply] : script_) {
      std::string got(request.size(), '\0');
      if (recv(fd, got.data(), got.size(), MSG_WAITALL) != static_cast<ssize_t>(got.size()) ||
          got != request) {
        break;
      }
      EXPECT_EQ(send(fd, reply.data(), reply.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(reply.size()));
    }
    char rest = 0;
    recv(fd, &rest, 1, 0);  // Until the other end goes.
    close(fd);
  }

  const Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string Says(const HealthQuestion& question) {
  return std::string(CheckHealth(question).message());
}

TEST(HealthCheck, ANodeThatAnswersIsWell) {
  const FakeNode node({{std::string(kAlone), "+PONG\r\n"}});
  EXPECT_TRUE(CheckHealth(node.Question()).ok());
}

TEST(HealthCheck, TellsWhatTheNodeRefusesWith) {
  const FakeNode node({{std::string(kAlone), "-LOADING Henge is loading\r\n"}});
  EXPECT_EQ(Says(node.Question()), "LOADING Henge is loading");
}

TEST(HealthCheck, AnotherServerIsNotWell) {
  const FakeNode node({{std::string(kAlone), "HTTP/1.1 400 Bad Request\r\n"}});
  EXPECT_THAT(Says(node.Question()), HasSubstr("not answered with PONG"));
}

TEST(HealthCheck, GivesUpASilentNode) {
  const FakeNode node({{std::string(kAlone), ""}});
  HealthQuestion question = node.Question();
  question.timeout_ms = 20;
  EXPECT_EQ(CheckHealth(question).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(HealthCheck, TriesTheAddressesInTurn) {
  const FakeNode node({{std::string(kAlone), "+PONG\r\n"}});
  HealthQuestion question = node.Question();
  question.hosts = {"127.0.0.2", "127.0.0.1"};  // The node listens on the second alone.
  EXPECT_TRUE(CheckHealth(question).ok());
  EXPECT_EQ(Says({}), "no address to ask");
}

TEST(HealthCheck, GivesThePassword) {
  const FakeNode node(
      {{"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "+OK\r\n"}, {std::string(kAlone), "+PONG\r\n"}});
  HealthQuestion question = node.Question();
  question.password = "secret";
  EXPECT_TRUE(CheckHealth(question).ok());
}

std::string SaysInCluster(std::string_view info) {
  const FakeNode node({{std::string(kAlone), "+PONG\r\n"},
                       {"*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n", std::string(info)}});
  HealthQuestion question = node.Question();
  question.membership = Membership::kCluster;
  return Says(question);
}

TEST(HealthCheck, ANodeOfAClusterIsWellWhenTheClusterServes) {
  EXPECT_EQ(SaysInCluster(Bulk("cluster_enabled:1\r\ncluster_state:ok\r\n")), "");
  EXPECT_EQ(SaysInCluster(Bulk("cluster_state:fail\r\ncluster_slots_ok:0\r\n")),
            "cluster_state:fail");
  EXPECT_EQ(SaysInCluster("-ERR no\r\n"), "ERR no");
  EXPECT_EQ(SaysInCluster("\r\n"), "not the reply of a Henge");
  EXPECT_EQ(SaysInCluster("$-1\r\n"), "not the reply of a Henge");
  EXPECT_EQ(SaysInCluster("$9999999999\r\n"), "not the reply of a Henge");
}

std::string SaysInGroup(std::string_view replication, std::string_view leader) {
  const FakeNode node({{std::string(kAlone), "+PONG\r\n"},
                       {"*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n", Bulk(replication)},
                       {"*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$4\r\nmain\r\n",
                        std::string(leader)}});
  HealthQuestion question = node.Question();
  question.membership = Membership::kGroup;
  question.group = "main";
  return Says(question);
}

TEST(HealthCheck, ANodeOfAGroupIsWellWhenItLeadsOrIsLinkedToWhoDoes) {
  constexpr std::string_view kLeader = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n";
  EXPECT_EQ(SaysInGroup("role:master\r\n", kLeader), "");
  EXPECT_EQ(SaysInGroup("role:master\r\n", "*-1\r\n"), "the group has no leader");
  EXPECT_EQ(SaysInGroup("role:slave\r\nmaster_link_status:up\r\n", kLeader), "");
  EXPECT_EQ(SaysInGroup("role:slave\r\nmaster_link_status:down\r\n", kLeader),
            "master_link_status:down");
}

TEST(HealthCheck, AsksTheNodeOfTheConfiguration) {
  Config config;
  ASSERT_TRUE(config
                  .LoadText("bind * -::* 10.0.0.1\nport 7000\nrequirepass secret\n"
                            "cluster-enabled yes\ncluster-sharding no\ncluster-name main\n",
                            "test")
                  .ok());
  const HealthQuestion question = HealthQuestionFrom(config.settings());
  EXPECT_THAT(question.hosts, ElementsAre("127.0.0.1", "::1", "10.0.0.1"));
  EXPECT_EQ(question.port, 7000);
  EXPECT_EQ(question.password, "secret");
  EXPECT_EQ(question.membership, Membership::kGroup);
  EXPECT_EQ(question.group, "main");
}

}  // namespace
}  // namespace henge::server
