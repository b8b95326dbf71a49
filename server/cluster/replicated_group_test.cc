// SPDX-License-Identifier: Apache-2.0
// Whole nodes in this process, told by a test what a control plane would tell them.
#include "server/cluster/replicated_group.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "server/cluster/position_file.h"
#include "server/config/config.h"
#include "server/node.h"
#include "server/testing/test_client.h"

namespace henge::server {
namespace {

using cluster::DataState;
using cluster::GroupId;
using cluster::NodeId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kFirstPort = 23010;
constexpr int64_t kLong = 600'000'000;

const GroupId kGroup = GroupId::FromName("group");

bool Await(const std::function<bool()>& done) {
  for (int i = 0; i < 60'000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

// A node whose control plane is the test. Its port and files are its number's.
class Member {
 public:
  explicit Member(int number, const std::string& more = {})
      : id_(NodeId::FromName(std::to_string(number))),
        port_(kFirstPort + number),
        node_(ConfigOf(number, more)),
        group_(std::make_unique<ReplicatedGroup>(node_, id_)) {
    const absl::Status status = node_.Start();
    EXPECT_TRUE(status.ok()) << status;
    client_ = std::make_unique<TestClient>(node_);
  }
  ~Member() {
    client_.reset();
    group_->Stop();
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  Node& node() { return node_; }
  ReplicatedGroup& group() { return *group_; }
  Replication& replication() { return node_.replication(); }
  TestClient& client() { return *client_; }
  const NodeId& id() const { return id_; }
  std::string Ask(const std::string& line) { return client_->Ask(line); }
  // The value of a key.
  std::string Get(const std::string& key) {
    const auto lines = client_->Ask("GET " + key + "\r\n", 1);
    return lines[0].starts_with("$") && lines[0] != "$-1" ? client_->ReadLines(1)[0] : lines[0];
  }

  // Leads with live data and a lease; nobody counts.
  void LeadAlone(Epoch epoch) {
    group_->Lead(kGroup, epoch);
    group_->BecomeLive();
    group_->CountInSync({});
    Lease(kLong);
    EXPECT_TRUE(Await([&] { return MayWrite(); }));
  }
  void Lease(int64_t micros) { group_->SetLease(SystemClock().MonotonicMicros() + micros); }
  bool MayWrite() {
    return replication().part() == GroupPart::kLeads &&
           replication().lease().Holds(SystemClock().MonotonicMicros());
  }
  void Follow(const Member& leader, Epoch epoch) {
    group_->Follow(kGroup, epoch, {leader.id_, "127.0.0.1", static_cast<uint16_t>(leader.port_)});
  }
  bool AwaitAll(Member& leader) {
    return Await([&] {
      return replication().report().link == LinkStatus::State::kConnected &&
             group_->Report().data == DataState::kLive &&
             replication().offset() == leader.replication().offset();
    });
  }

 private:
  static std::unique_ptr<Config> ConfigOf(int number, const std::string& more) {
    auto config = std::make_unique<Config>();
    const int port = kFirstPort + number;
    const std::string text = fmt::format(
        "port {}\nbind 127.0.0.1\nrepl-grpc-port {}\nio-threads 2\nsave \"\"\n"
        "dbfilename {}.rdb\nappenddirname aof-{}\nenable-debug-command yes\n"
        "repl-diskless-sync-delay 0\n{}\n",
        port, port + 500, number, number, more);
    const absl::Status status = config->LoadText(text, "test");
    EXPECT_TRUE(status.ok()) << status;
    return config;
  }

  const NodeId id_;
  const int port_;
  Node node_;
  std::unique_ptr<ReplicatedGroup> group_;
  std::unique_ptr<TestClient> client_;
};

class ReplicatedGroupTest : public ::testing::Test {
 protected:
  ReplicatedGroupTest() : before_(std::filesystem::current_path()) {
    directory_ = std::filesystem::temp_directory_path() /
                 fmt::format("henge-group-{}", SystemClock().MonotonicMicros());
    std::filesystem::create_directory(directory_);
    std::filesystem::current_path(directory_);
  }
  ~ReplicatedGroupTest() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(directory_);
  }
  // What is in the files of discarded writes.
  std::string Discarded() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      if (!entry.path().filename().string().starts_with("discarded-")) continue;
      std::ifstream file(entry.path());
      all += std::string(std::istreambuf_iterator<char>(file), {});
    }
    return all;
  }

 private:
  const std::filesystem::path before_;
  std::filesystem::path directory_;
};

TEST_F(ReplicatedGroupTest, TakesNoWritesBeforeTheFirstWordNorWithoutALease) {
  Member a(1);
  EXPECT_THAT(a.Ask("SET k 1"), StartsWith("-CLUSTERDOWN"));
  EXPECT_EQ(a.Ask("EXISTS k"), ":0");
  a.group().Lead(kGroup, 1);
  a.group().BecomeLive();
  a.group().CountInSync({});
  ASSERT_TRUE(Await([&] { return a.replication().part() == GroupPart::kLeads; }));
  // The first lease is on its way: who writes waits for it, though not for long.
  std::future<std::string> waits = std::async(std::launch::async, [&] { return a.Ask("SET k 0"); });
  ASSERT_TRUE(Await([&] {
    a.group().Report();  // As a beat asks.
    return waits.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }));
  EXPECT_THAT(waits.get(), StartsWith("-CLUSTERDOWN"));
  a.Lease(kLong);
  ASSERT_TRUE(Await([&] { return a.MayWrite(); }));
  EXPECT_EQ(a.Ask("SET k 1"), "+OK");
  EXPECT_EQ(a.Ask("EVAL \"return redis.call('INCR', KEYS[1])\" 1 k"), ":2");
  a.Lease(-1);
  EXPECT_THAT(a.Ask("SET k 3"), StartsWith("-CLUSTERDOWN"));
  EXPECT_THAT(a.Ask("FLUSHALL"), StartsWith("-CLUSTERDOWN"));
  EXPECT_THAT(a.Ask("EVAL \"return redis.call('INCR', KEYS[1])\" 1 k"), HasSubstr("down"));
  EXPECT_EQ(a.Get("k"), "2");
  a.Lease(kLong);
  EXPECT_EQ(a.Ask("SET k 4"), "+OK");
  a.group().Leave();
  EXPECT_THAT(a.Ask("SET k 5"), StartsWith("-CLUSTERDOWN"));
  EXPECT_EQ(a.Get("k"), "4");
}

TEST_F(ReplicatedGroupTest, LeadersChangeWithoutAFullSync) {
  Member a(1), b(2);
  a.LeadAlone(1);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  const uint64_t full_syncs = a.replication().full_syncs();
  Member* leader = &a;
  Member* follower = &b;
  for (Epoch epoch = 2; epoch < 8; ++epoch) {
    const std::string key = fmt::format("k{}", epoch);
    ASSERT_EQ(leader->Ask(fmt::format("SET {} {}", key, epoch)), "+OK");
    ASSERT_TRUE(follower->AwaitAll(*leader));
    EXPECT_THAT(follower->Ask("SET k 1"), StartsWith("-READONLY"));
    std::swap(leader, follower);
    leader->LeadAlone(epoch);
    follower->Follow(*leader, epoch);
    ASSERT_TRUE(follower->AwaitAll(*leader));
    EXPECT_EQ(follower->Get(key), std::to_string(epoch));
    EXPECT_EQ(leader->group().Report().epoch, epoch);
    EXPECT_EQ(follower->group().Report().epoch, epoch);
    EXPECT_EQ(leader->group().Report().offset, follower->group().Report().offset);
  }
  EXPECT_EQ(a.replication().full_syncs() + b.replication().full_syncs(), full_syncs);
  EXPECT_EQ(a.replication().partial_syncs() + b.replication().partial_syncs(), 6u);
  EXPECT_EQ(Discarded(), "");
}

TEST_F(ReplicatedGroupTest, FollowsNoLeaderOfALowerEpoch) {
  Member a(1), b(2);
  a.LeadAlone(1);
  b.Follow(a, 2);
  ASSERT_TRUE(Await([&] { return a.replication().epochs().newest == 2; }));
  EXPECT_EQ(a.replication().followers(), 0u);
  EXPECT_EQ(b.group().Report().data, DataState::kNothing);
  a.LeadAlone(2);
  ASSERT_TRUE(b.AwaitAll(a));
  EXPECT_TRUE(b.replication().report().streams);
}

TEST_F(ReplicatedGroupTest, ServesNobodyBeforeTheDataIsLive) {
  Member a(1), b(2);
  a.group().Lead(kGroup, 1);
  b.Follow(a, 1);
  ASSERT_TRUE(Await([&] { return a.replication().part() == GroupPart::kLeads; }));
  ASSERT_TRUE(Await([&] { return b.replication().report().link != LinkStatus::State::kConnect; }));
  EXPECT_EQ(a.replication().followers(), 0u);
  a.group().BecomeLive();
  ASSERT_TRUE(b.AwaitAll(a));
}

TEST_F(ReplicatedGroupTest, ServesNoOtherGroupsFollowers) {
  Member a(1), b(2);
  a.LeadAlone(1);
  b.group().Follow(GroupId::FromName("other"), 1, {a.id(), "127.0.0.1", kFirstPort + 1});
  ASSERT_TRUE(Await([&] { return b.replication().report().streams; }));
  EXPECT_EQ(a.replication().followers(), 0u);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
}

TEST_F(ReplicatedGroupTest, AnotherGroupMayBeInALowerEpoch) {
  Member a(1), b(2);
  a.LeadAlone(3);
  ASSERT_EQ(a.Ask("SET k 1"), "+OK");
  b.group().Lead(GroupId::FromName("other"), 9);
  b.group().BecomeLive();
  ASSERT_TRUE(Await([&] { return b.group().Report().data == DataState::kLive; }));
  EXPECT_EQ(b.group().Report().epoch, 9u);
  b.Follow(a, 3);
  ASSERT_TRUE(b.AwaitAll(a));
  EXPECT_EQ(b.group().Report().epoch, 3u);
  EXPECT_EQ(b.Get("k"), "1");
}

TEST_F(ReplicatedGroupTest, KeepsWhatTheNewLeaderLacksInAFile) {
  Member a(1), b(2);
  a.LeadAlone(1);
  ASSERT_EQ(a.Ask("SET both 1"), "+OK");
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  b.group().Leave();
  ASSERT_TRUE(Await([&] { return a.replication().followers() == 0; }));
  const auto common = b.group().Report().offset;
  ASSERT_EQ(a.Ask("SELECT 3"), "+OK");
  ASSERT_EQ(a.Ask("SET lost-1 1"), "+OK");
  ASSERT_EQ(a.Ask("SET lost-2 2"), "+OK");
  const auto end = a.group().Report().offset;
  b.LeadAlone(2);
  a.Follow(b, 2);
  ASSERT_TRUE(a.AwaitAll(b));
  const std::string discarded = Discarded();
  EXPECT_THAT(discarded, StartsWith("*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"));
  EXPECT_THAT(discarded, HasSubstr("lost-1"));
  EXPECT_THAT(discarded, HasSubstr("lost-2"));
  EXPECT_THAT(discarded, Not(HasSubstr("both")));
  EXPECT_EQ(a.replication().discarded_files(), 1u);
  EXPECT_EQ(a.replication().discarded_bytes(), end - common);
  EXPECT_EQ(a.Ask("EXISTS lost-1"), ":0");
}

TEST_F(ReplicatedGroupTest, ReleasesInsyncRepliesWhenTheCountedHaveThem) {
  Member a(1, "write-concern insync\ninsync-followers-min 0"), b(2);
  a.LeadAlone(1);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  const std::vector<NodeId> counted = {b.id()};
  ASSERT_TRUE(Await([&] {
    const auto followers = a.group().Followers();
    return followers.size() == 1 && followers[0].node == b.id() && followers[0].fit;
  }));
  a.group().CountInSync(counted);
  EXPECT_EQ(a.Ask("SET k 1"), "+OK");
  b.group().Leave();
  ASSERT_TRUE(Await([&] { return a.group().Followers().empty(); }));
  TestClient writer(a.node(), 1);
  writer.Send("SET k 2\r\n");
  ASSERT_TRUE(Await([&] { return a.Get("k") == "2"; }));
  EXPECT_FALSE(writer.HasInput()) << "a counted node is away";
  a.group().StopWrites();
  ASSERT_EQ(a.Get("k"), "2");
  EXPECT_FALSE(a.group().StoppedAt().has_value()) << "who wrote has no answer yet";
  b.Follow(a, 1);
  EXPECT_EQ(writer.ReadLines(1)[0], "+OK");
  EXPECT_TRUE(Await([&] { return a.group().StoppedAt().has_value(); }));
  a.group().ResumeWrites();
}

TEST_F(ReplicatedGroupTest, NeverAcknowledgesAHeldReplyWithoutALease) {
  Member a(1, "write-concern insync\ninsync-followers-min 0"), b(2);
  a.LeadAlone(1);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  const std::vector<NodeId> counted = {b.id()};
  a.group().CountInSync(counted);
  b.group().Leave();
  ASSERT_TRUE(Await([&] { return a.group().Followers().empty(); }));
  TestClient writer(a.node(), 1);
  writer.Send("SET k 2\r\n");
  ASSERT_TRUE(Await([&] { return a.Get("k") == "2"; }));
  a.Lease(-1);
  b.Follow(a, 1);  // It gets the write, and says so.
  ASSERT_TRUE(b.AwaitAll(a));
  EXPECT_EQ(writer.ReadLines(1)[0], "closed");
}

TEST_F(ReplicatedGroupTest, WhoLedClosesConnectionsWithHeldReplies) {
  Member a(1, "write-concern insync\ninsync-followers-min 0"), b(2);
  a.LeadAlone(1);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  const std::vector<NodeId> counted = {b.id()};
  a.group().CountInSync(counted);
  b.group().Leave();
  ASSERT_TRUE(Await([&] { return a.group().Followers().empty(); }));
  TestClient writer(a.node(), 1);
  writer.Send("SET k 2\r\n");
  ASSERT_TRUE(Await([&] { return a.Get("k") == "2"; }));
  b.LeadAlone(2);
  a.Follow(b, 2);
  EXPECT_EQ(writer.ReadLines(1)[0], "closed");
  ASSERT_TRUE(a.AwaitAll(b));
  EXPECT_EQ(a.Get("k"), "$-1");
  EXPECT_THAT(Discarded(), HasSubstr("SET"));
}

// The worker stands still between the write and the round's end, as under SIGSTOP: its batch's
// clock says that there was a lease.
TEST_F(ReplicatedGroupTest, WhatWasWrittenBeforeAStandstillIsNotAcknowledgedAfterTheLease) {
  Member a(1);
  a.LeadAlone(1);
  TestClient writer(a.node(), 1);
  ASSERT_EQ(writer.Ask("SET k 0"), "+OK");
  a.Lease(100'000);
  writer.Send("SET k 1\r\nDEBUG SLEEP 0.3\r\nSET k 2\r\n");
  EXPECT_EQ(writer.ReadLines(1)[0], "closed");
  a.Lease(kLong);
  EXPECT_NE(a.Get("k"), "0") << "it was written, and nobody was told";
}

TEST_F(ReplicatedGroupTest, AHandOverKeepsWritersWaiting) {
  Member a(1), b(2);
  a.LeadAlone(1);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  ASSERT_EQ(a.Ask("SET k 1 PX 1"), "+OK");
  a.group().StopWrites();
  a.group().SetLease(INT64_MIN);  // As a hand-over surrenders it.
  std::optional<uint64_t> end;
  ASSERT_TRUE(Await([&] { return (end = a.group().StoppedAt()).has_value(); }));
  TestClient writer(a.node(), 1);
  writer.Send("SET k 2\r\n");
  ASSERT_TRUE(Await([&] { return b.group().Report().offset == *end; }));
  ASSERT_TRUE(Await([&] { return a.Get("k") == "$-1"; }));
  EXPECT_EQ(a.group().Report().offset, *end) << "what has expired is not deleted now";
  EXPECT_FALSE(writer.HasInput());
  a.Lease(kLong);
  a.group().ResumeWrites();
  EXPECT_EQ(writer.ReadLines(1)[0], "+OK");
  EXPECT_EQ(a.Get("k"), "2");
  a.group().StopWrites();
  writer.Send("SET k 3\r\n");
  a.Follow(b, 2);
  EXPECT_THAT(writer.ReadLines(1)[0], Not(StartsWith("+OK")));
}

TEST_F(ReplicatedGroupTest, TheEpochOutlivesARestart) {
  for (const std::string append_only : {"no", "yes"}) {
    const int number = append_only == "yes" ? 4 : 3;
    const std::string settings = "appendonly " + append_only + "\nshutdown-timeout 0";
    uint64_t offset = 0;
    {
      Member a(number, settings);
      a.LeadAlone(7);
      ASSERT_EQ(a.Ask("SET k 1"), "+OK");
      if (append_only == "no") {
        ASSERT_EQ(a.Ask("SAVE"), "+OK");
      }
      offset = a.group().Report().offset;
    }
    Member a(number, settings), b(2);
    ASSERT_TRUE(Await([&] { return a.group().Report().data == DataState::kRecovered; }));
    EXPECT_EQ(a.group().Report().epoch, 7u);
    EXPECT_EQ(a.group().Report().offset, offset);
    EXPECT_THAT(a.Ask("SET k 2"), StartsWith("-CLUSTERDOWN"));
    a.LeadAlone(8);
    EXPECT_EQ(a.Get("k"), "1");
    b.Follow(a, 8);
    ASSERT_TRUE(b.AwaitAll(a));
  }
}

// What a crash leaves is what is on the disk meanwhile.
TEST_F(ReplicatedGroupTest, AfterACrashItKnowsItsEpochAndItsPlace) {
  const std::string settings = "appendonly yes\nappendfsync always\nshutdown-timeout 0";
  Member a(5, settings);
  a.LeadAlone(7);
  ASSERT_EQ(a.Ask("SET k 0"), "+OK");
  ASSERT_EQ(a.Ask("BGREWRITEAOF"), "+Background append only file rewriting started");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(a.Ask("INCR k"), fmt::format(":{}", i + 1));
  ASSERT_EQ(a.Ask("SET k 1"), "+OK");
  const uint64_t offset = a.group().Report().offset;
  std::filesystem::copy("aof-5", "aof-6", std::filesystem::copy_options::recursive);
  std::filesystem::remove(PositionFileIn("aof-6"));
  ASSERT_EQ(a.Ask("SET k 2"), "+OK");
  Member b(6, settings);
  ASSERT_TRUE(Await([&] { return b.group().Report().data == DataState::kRecovered; }));
  EXPECT_EQ(b.Get("k"), "1");
  EXPECT_EQ(b.group().Report().data_epoch, 7u);
  EXPECT_EQ(b.group().Report().offset, offset);
  b.Follow(a, 7);
  ASSERT_TRUE(b.AwaitAll(a));
  EXPECT_EQ(b.Get("k"), "2");
  EXPECT_EQ(a.replication().full_syncs(), 0u);
  EXPECT_EQ(a.replication().partial_syncs(), 1u);
}

// An append-only file that says nothing of its place, as older ones: then another file tells how
// far it goes at least.
TEST_F(ReplicatedGroupTest, AFileThatDoesNotTellItsPlaceHasReachedTheOneThatWasNoted) {
  const std::string settings = "appendonly yes\nappendfsync always\nshutdown-timeout 0";
  Member a(5, settings);
  a.LeadAlone(7);
  ASSERT_EQ(a.Ask("SET k 1"), "+OK");
  const uint64_t offset = a.group().Report().offset;
  ASSERT_TRUE(Await([&] {
    const auto noted = ReadPositionFile(PositionFileIn("aof-5"));
    return noted && noted->epoch == 7 && static_cast<uint64_t>(noted->offset) == offset;
  }));
  std::filesystem::copy("aof-5", "aof-6", std::filesystem::copy_options::recursive);
  for (const auto& file : std::filesystem::directory_iterator("aof-6")) {
    if (!file.path().string().ends_with("incr.aof")) continue;
    std::ofstream(file.path(), std::ios::app) << "#HENGE-AT:\r\n";
  }
  Member b(6, settings);
  ASSERT_TRUE(Await([&] { return b.group().Report().data == DataState::kRecovered; }));
  EXPECT_EQ(b.group().Report().data_epoch, 7u);
  EXPECT_EQ(b.group().Report().offset, offset);
  b.Follow(a, 7);
  ASSERT_TRUE(b.AwaitAll(a));
  EXPECT_EQ(a.replication().full_syncs(), 1u);
}

TEST_F(ReplicatedGroupTest, AFollowerGoesOnAfterARestart) {
  Member a(1);
  a.LeadAlone(1);
  ASSERT_EQ(a.Ask("SET k 1"), "+OK");
  {
    Member b(2);
    b.Follow(a, 1);
    ASSERT_TRUE(b.AwaitAll(a));
    ASSERT_EQ(b.Ask("SAVE"), "+OK");
  }
  ASSERT_EQ(a.Ask("SET k 2"), "+OK");
  Member b(2);
  ASSERT_TRUE(Await([&] { return b.group().Report().data == DataState::kRecovered; }));
  EXPECT_EQ(b.group().Report().epoch, 1u);
  b.Follow(a, 1);
  ASSERT_TRUE(b.AwaitAll(a));
  EXPECT_EQ(b.Get("k"), "2");
  EXPECT_EQ(a.replication().full_syncs(), 1u);
  EXPECT_EQ(a.replication().partial_syncs(), 1u);
}

}  // namespace
}  // namespace henge::server
