// SPDX-License-Identifier: Apache-2.0
// Three nodes in one process: logs on a real disk, messages over gRPC on loopback.
#include "cluster/consensus/driver.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/bus_server.h"
#include "cluster/consensus/byte_codec.h"
#include "cluster/consensus/grpc_transport.h"

namespace henge::consensus {
namespace {

using std::chrono::milliseconds;

class Words final : public ReplicatedState {
 public:
  void Apply(Index, std::string_view command) override {
    const std::lock_guard lock(mutex_);
    words_.emplace_back(command);
  }
  void Members(Index, const Membership&) override {}
  std::string Save() override {
    ByteWriter out;
    for (const std::string& word : words()) out.Text(word);
    return std::move(out).Take();
  }
  void Load(Index, std::string_view saved) override {
    const std::lock_guard lock(mutex_);
    words_.clear();
    ByteReader in(saved);
    while (in.left() > 0) words_.push_back(in.Text());
  }
  std::vector<std::string> words() const {
    const std::lock_guard lock(mutex_);
    return words_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> words_;
};

// A node's parts, in their order of life.
class TestMember {
 public:
  TestMember(PeerId id, std::string directory) : id_(id), directory_(std::move(directory)) {
    Listen();
  }
  ~TestMember() { Kill(); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  void Run(const Membership& first) {
    if (transport_ == nullptr) Listen();
    DriverOptions options;
    options.raft.id = id_;
    options.raft.seed = EntropySeed();
    options.raft.election_ticks = 6;
    options.tick = milliseconds(25);
    options.wal.directory = directory_;
    options.first_members = first;
    options.snapshot_entries = 50;
    options.keep_entries = 5;
    options.patience = patience;
    std::string torn;
    auto driver =
        Driver::Start(options, persistence::PosixFileSystem(), words_, *transport_, &torn);
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
    transport_->Start([this](Message message) { driver_->Receive(std::move(message)); },
                      [this](PeerId peer) { driver_->ReportLost(peer); });
  }
  void Kill() {
    if (server_ != nullptr) server_->Stop();
    if (transport_ != nullptr) transport_->Stop();
    driver_.reset();
    transport_.reset();
    server_.reset();
  }
  milliseconds patience{8000};

  Driver& driver() { return *driver_; }
  bool running() const { return driver_ != nullptr; }
  std::vector<std::string> words() const { return words_.words(); }

 private:
  void Listen() {
    if (port_ == 0) {  // Free now, and known before anything is told of it.
      Bind(std::make_unique<GrpcTransport>(id_, ""));
      Kill();
    }
    Bind(std::make_unique<GrpcTransport>(id_, address()));
  }
  void Bind(std::unique_ptr<GrpcTransport> transport) {
    transport_ = std::move(transport);
    auto server = cluster::BusServer::Start({.port = port_}, {transport_->service()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->port();
  }

  const PeerId id_;
  const std::string directory_;
  uint16_t port_ = 0;
  Words words_;
  std::unique_ptr<GrpcTransport> transport_;
  std::unique_ptr<cluster::BusServer> server_;
  std::unique_ptr<Driver> driver_;
};

class DriverTest : public ::testing::Test {
 protected:
  DriverTest() : root_(std::filesystem::temp_directory_path() / ("henge-driver-" + RandomHex(12))) {
    std::filesystem::create_directories(root_);
  }
  ~DriverTest() override {
    members_.clear();
    std::filesystem::remove_all(root_);
  }

  TestMember& Add(PeerId id) {
    members_.push_back(std::make_unique<TestMember>(id, (root_ / std::to_string(id)).string()));
    return *members_.back();
  }
  void StartThree() {
    std::vector<Member> three;
    for (PeerId id = 1; id <= 3; ++id) three.push_back({id, true, Add(id).address()});
    first_ = Membership(three);
    for (const auto& member : members_) member->Run(first_);
  }
  static absl::Status Wait(const std::function<void(Driver::Done)>& call) {
    auto promise = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> future = promise->get_future();
    call([promise](const absl::Status& status) { promise->set_value(status); });
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready)
      return absl::InternalError("no answer");
    return future.get();
  }
  static absl::Status Propose(TestMember& member, const std::string& word) {
    return Wait([&](Driver::Done done) { member.driver().Propose(word, std::move(done)); });
  }
  static absl::Status Read(TestMember& member) {
    return Wait([&](Driver::Done done) { member.driver().Read(std::move(done)); });
  }
  static absl::Status Change(TestMember& member, const MembershipChange& change) {
    return Wait([&](Driver::Done done) { member.driver().Change(change, std::move(done)); });
  }
  template <class F>
  static bool Until(F&& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < end) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  TestMember* Leader() {
    TestMember* leader = nullptr;
    const bool found = Until([&] {
      for (const auto& member : members_) {
        if (member->running() && member->driver().status().role == Role::kLeader)
          leader = member.get();
      }
      return leader != nullptr;
    });
    return found ? leader : nullptr;
  }

  std::filesystem::path root_;
  Membership first_;
  std::vector<std::unique_ptr<TestMember>> members_;
};

TEST_F(DriverTest, ThreeNodesAgreeAndAnyOfThemMayBeAsked) {
  StartThree();
  for (int i = 0; i < 9; ++i)
    ASSERT_TRUE(Propose(*members_[i % 3], "word" + std::to_string(i)).ok());
  for (const auto& member : members_) {
    ASSERT_TRUE(Read(*member).ok());
    EXPECT_EQ(member->words().size(), 9u);
  }
  EXPECT_EQ(members_[0]->words(), members_[1]->words());
  EXPECT_EQ(members_[0]->words(), members_[2]->words());
}

TEST_F(DriverTest, AKilledLeaderIsReplacedAndComesBackWithItsLog) {
  StartThree();
  int said = 0;
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 3; ++round) {
    TestMember* leader = Leader();
    ASSERT_NE(leader, nullptr);
    leader->Kill();
    for (int i = 0; i < 30; ++i) {
      TestMember* member = members_[said % 3].get();
      const std::string word = std::to_string(said++);
      if (!member->running()) continue;
      const absl::Status status = Propose(*member, word);
      ASSERT_TRUE(status.ok()) << status;
      acknowledged.push_back(word);
    }
    leader->Run(first_);
    ASSERT_TRUE(Read(*leader).ok());
    EXPECT_EQ(leader->words(), acknowledged);
  }
  for (const auto& member : members_) member->Kill();
  for (const auto& member : members_) member->Run(first_);
  ASSERT_TRUE(Read(*members_[0]).ok());
  EXPECT_EQ(members_[0]->words(), acknowledged);
}

TEST_F(DriverTest, ANewcomerGetsASnapshotAndBecomesAVoter) {
  StartThree();
  // Larger than a message of the bus may be: it goes in pieces.
  const std::string large(3'000'000, 'x');
  for (int i = 0; i < 118; ++i) ASSERT_TRUE(Propose(*members_[0], std::to_string(i)).ok());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(Propose(*members_[0], large).ok());
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(Propose(*members_[0], std::to_string(i)).ok());
  TestMember& fourth = Add(4);
  fourth.Run({});
  using Kind = MembershipChange::Kind;
  ASSERT_TRUE(Change(*members_[1], {Kind::kAddLearner, 4, fourth.address()}).ok());
  const absl::Status promoted = Change(*members_[1], {Kind::kPromote, 4, ""});
  ASSERT_TRUE(promoted.ok()) << promoted;
  ASSERT_TRUE(Read(fourth).ok());
  EXPECT_EQ(fourth.words().size(), 160u);
  EXPECT_EQ(fourth.words()[118], large);
  EXPECT_EQ(Change(fourth, {Kind::kAddLearner, 4, ""}).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Change(fourth, {Kind::kRemove, 1, ""}).ok());
  EXPECT_TRUE(Until([&] { return fourth.driver().status().members.voters() == 3; }));
  ASSERT_TRUE(Propose(fourth, "after").ok());
  EXPECT_EQ(fourth.words().back(), "after");
}

TEST_F(DriverTest, WithoutAMajorityRequestsEndInTime) {
  StartThree();
  ASSERT_TRUE(Propose(*members_[0], "a").ok());
  members_[1]->Kill();
  members_[2]->Kill();
  members_[0]->Kill();
  members_[0]->patience = milliseconds(300);
  members_[0]->Run(first_);
  EXPECT_EQ(Propose(*members_[0], "b").code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Read(*members_[0]).code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace henge::consensus
