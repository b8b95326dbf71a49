// SPDX-License-Identifier: Apache-2.0
// A node whose cluster decides later: clients wait for it without a worker, and whatever becomes of
// them does not matter to what was begun. And what such a node tells of groups and marks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "server/config/config.h"
#include "server/node.h"

namespace henge::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

// Keeps what is asked until the test decides.
class Deciding final : public cluster::ClusterOperations {
 public:
  void Propose(cluster::Change change, cluster::ProposalDone done) override {
    {
      const std::lock_guard lock(mutex_);
      last_change_ = change;
    }
    Keep(std::string(cluster::NameOf(change)), std::move(done));
  }
  void Meet(std::string host, uint16_t port, uint16_t bus, cluster::ProposalDone done) override {
    Keep("meet " + host + " " + std::to_string(port) + " " + std::to_string(bus), std::move(done));
  }
  void Reset(bool hard, cluster::ProposalDone done) override {
    Keep(hard ? "reset hard" : "reset soft", std::move(done));
  }
  void Failover(cluster::FailoverMode, cluster::ProposalDone done) override {
    Keep("failover", std::move(done));
  }

  // What was asked next, waiting for it; and tells its end.
  std::string Next() {
    std::unique_lock lock(mutex_);
    asked_.wait_for(lock, std::chrono::seconds(30), [this] { return !waiting_.empty(); });
    return waiting_.empty() ? "nothing" : waiting_.front().first;
  }
  void End(const absl::Status& status) {
    cluster::ProposalDone done;
    {
      const std::lock_guard lock(mutex_);
      done = std::move(waiting_.front().second);
      waiting_.pop_front();
    }
    done(status);
  }
  // Of what Next told.
  cluster::Change LastChange() {
    const std::lock_guard lock(mutex_);
    return last_change_;
  }
  size_t waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  void Keep(std::string what, cluster::ProposalDone done) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(std::move(what), std::move(done));
    asked_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable asked_;
  std::deque<std::pair<std::string, cluster::ProposalDone>> waiting_;
  cluster::Change last_change_;
};

class Client {
 public:
  explicit Client(Node& node) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    node.workers()[0]->Adopt(fds[1], "test:0", "test:0", true);
    fd_ = fds[0];
  }
  ~Client() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  void Send(const Words& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
      out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    EXPECT_EQ(send(fd_, out.data(), out.size(), MSG_NOSIGNAL), static_cast<ssize_t>(out.size()));
  }
  // Bytes of a reply, or of several.
  std::string Receive() {
    pollfd poller{fd_, POLLIN, 0};
    if (poll(&poller, 1, 30'000) <= 0) return "no reply";
    char buffer[65536];
    const ssize_t n = read(fd_, buffer, sizeof(buffer));
    return n <= 0 ? "closed" : std::string(buffer, static_cast<size_t>(n));
  }
  std::string Ask(const Words& words) {
    Send(words);
    return Receive();
  }

 private:
  int fd_ = -1;
};

class ClusterOperationsTest : public ::testing::Test {
 protected:
  ClusterOperationsTest() {
    char name[] = "/tmp/henge-operations-XXXXXX";
    folder_ = mkdtemp(name);
    for (int attempt = 0; attempt < 20; ++attempt) {
      auto config = std::make_unique<Config>();
      const int bus = static_cast<int>(24'000 + ThreadRandom().Below(1000));
      EXPECT_TRUE(config
                      ->LoadText("port 0\nio-threads 1\nsave \"\"\ndbfilename none.rdb\n"
                                 "cluster-enabled yes\ncluster-config-file " +
                                     folder_ + "/" + std::to_string(attempt) + "\ncluster-port " +
                                     std::to_string(bus) + "\n",
                                 "test")
                      .ok());
      node_ = std::make_unique<Node>(std::move(config));
      if (node_->Start().ok()) break;
    }
    node_->member()->Stop();  // Its coordinator would have a word of its own.
    LeadForEver();
    state().AskTouch([] { return true; });
    state().Use(deciding_);
  }
  ~ClusterOperationsTest() override {
    node_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::string folder_;

  // Nobody else says what this node's data is to be.
  void LeadForEver() {
    store::LockSet locks(node_->store());
    locks.AddAll();
    locks.Lock();
    node_->replication().LeadIn({.group = "tested", .epoch = 1});
    node_->replication().lease().Set(std::numeric_limits<int64_t>::max());
  }

  cluster::ClusterState& state() { return node_->member()->state(); }
  // As if all had agreed.
  void Apply(const cluster::Change& change) {
    const auto next = cluster::Apply(*state().topology(), change);
    ASSERT_TRUE(next.ok()) << next.status();
    ASSERT_TRUE(state().Adopt(*next).ok());
  }
  void Meet(const char* name, uint16_t port) {
    Apply(cluster::AddNode{{.id = cluster::NodeId::FromName(name),
                            .host = "10.0.0.2",
                            .port = port,
                            .bus_port = static_cast<uint16_t>(port + 10'000)}});
  }
  static std::string Id(const char* name) { return cluster::NodeId::FromName(name).str(); }

  Deciding deciding_;
  std::unique_ptr<Node> node_;
};

TEST_F(ClusterOperationsTest, AClientWaitsAndItsWorkerServesOthers) {
  Client client(*node_);
  Client other(*node_);
  client.Send({"CLUSTER", "ADDSLOTS", "1", "2"});
  client.Send({"PING"});
  EXPECT_EQ(deciding_.Next(), "AddSlots");
  EXPECT_EQ(other.Ask({"PING"}), "+PONG\r\n");
  EXPECT_THAT(other.Ask({"INFO", "clients"}), HasSubstr("blocked_clients:1"));
  deciding_.End(absl::OkStatus());
  std::string replies = client.Receive();
  while (replies.size() < std::string("+OK\r\n+PONG\r\n").size()) replies += client.Receive();
  EXPECT_EQ(replies, "+OK\r\n+PONG\r\n");
}

TEST_F(ClusterOperationsTest, RefusalsAreTold) {
  Client client(*node_);
  for (const auto& [status, text] : std::vector<std::pair<absl::Status, std::string>>{
           {absl::FailedPreconditionError("no"), "-ERR no\r\n"},
           {absl::UnavailableError("no leader"), "-ERR Nothing was changed: no leader\r\n"},
           {absl::DeadlineExceededError("late"),
            "-ERR The cluster has not agreed yet, and may still do so: late\r\n"}}) {
    client.Send({"CLUSTER", "MEET", "127.0.0.1", "7000"});
    EXPECT_EQ(deciding_.Next(), "meet 127.0.0.1 7000 17000");
    deciding_.End(status);
    EXPECT_EQ(client.Receive(), text);
  }
}

TEST_F(ClusterOperationsTest, AClientThatGoesLeavesWhatItBegan) {
  {
    Client client(*node_);
    client.Send({"CLUSTER", "BUMPEPOCH"});
    EXPECT_EQ(deciding_.Next(), "BumpEpoch");
  }
  Client other(*node_);
  while (other.Ask({"INFO", "clients"}).find("blocked_clients:0") == std::string::npos) {
  }
  deciding_.End(absl::OkStatus());
  EXPECT_EQ(other.Ask({"PING"}), "+PONG\r\n");
}

TEST_F(ClusterOperationsTest, AnEndThatComesLateEndsNoOtherWait) {
  Client client(*node_);
  Client other(*node_);
  const std::string id = client.Ask({"CLIENT", "ID"}).substr(1);
  client.Send({"CLUSTER", "RESET", "HARD"});
  EXPECT_EQ(deciding_.Next(), "reset hard");
  EXPECT_EQ(other.Ask({"CLIENT", "UNBLOCK", id.substr(0, id.size() - 2)}), ":1\r\n");
  EXPECT_EQ(client.Receive(), "-ERR Not waited for: the cluster may still agree\r\n");
  // The next wait of the same client.
  client.Send({"CLUSTER", "RESET"});
  while (deciding_.waiting() < 2) {
  }
  deciding_.End(absl::OkStatus());  // Of the first.
  EXPECT_THAT(other.Ask({"INFO", "clients"}), HasSubstr("blocked_clients:1"));
  deciding_.End(absl::InternalError("second"));
  EXPECT_EQ(client.Receive(), "-ERR second\r\n");
}

TEST_F(ClusterOperationsTest, ATransactionParksAndGoesOn) {
  Client client(*node_);
  EXPECT_EQ(client.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client.Ask({"CLUSTER", "BUMPEPOCH"}), "+QUEUED\r\n");
  client.Send({"EXEC"});
  while (deciding_.waiting() < 1) {
  }
  deciding_.End(absl::OkStatus());
  std::string reply;
  while (!reply.ends_with("\r\n") || reply.size() <= std::string("*1\r\n").size()) {
    reply += client.Receive();
  }
  EXPECT_THAT(reply, HasSubstr("*1\r\n+BUMPED "));
}

TEST_F(ClusterOperationsTest, NobodyWaitsWithLocksOrInAScript) {
  Client client(*node_);
  const std::string refusal = "-ERR The nodes of a cluster can't agree within a transaction";
  for (const char* other : {"DBSIZE", "RANDOMKEY"}) {  // They lock all there is.
    EXPECT_EQ(client.Ask({"MULTI"}), "+OK\r\n");
    EXPECT_EQ(client.Ask({other}), "+QUEUED\r\n");
    EXPECT_EQ(client.Ask({"CLUSTER", "BUMPEPOCH"}), "+QUEUED\r\n");
    EXPECT_THAT(client.Ask({"EXEC"}), HasSubstr(refusal));
  }
  EXPECT_THAT(client.Ask({"EVAL", "return redis.pcall('cluster', 'bumpepoch')", "0"}),
              HasSubstr(refusal));
  EXPECT_EQ(deciding_.waiting(), 0u);
}

TEST_F(ClusterOperationsTest, ShowsGroupsMarksAndJudgements) {
  Client client(*node_);
  Meet("peer", 7001);
  Meet("follower", 7002);
  const cluster::NodeId me = state().my_id();
  const auto group_of = [&](const cluster::NodeId& node) {
    const cluster::TopologyPtr topology = state().topology();
    return topology->groups()[topology->GroupsLedBy(topology->IndexOf(node)).front()].id;
  };
  const cluster::GroupId peers = group_of(cluster::NodeId::FromName("peer"));
  Apply(cluster::AddSlots{.to = me, .slots = {1}});
  Apply(cluster::AddSlots{.to = cluster::NodeId::FromName("peer"), .slots = {2, 3}});
  Apply(cluster::AddFollower{.group = peers, .node = cluster::NodeId::FromName("follower")});
  Apply(cluster::MarkMigrating{.slot = 1, .to = peers});
  Apply(cluster::MarkImporting{.slot = 2, .at = group_of(me), .from = peers});

  std::string nodes = client.Ask({"CLUSTER", "NODES"});
  EXPECT_THAT(nodes, HasSubstr("connected 1 [1->-" + Id("peer") + "] [2-<-" + Id("peer") + "]\n"));
  EXPECT_THAT(nodes, HasSubstr(Id("peer") + " 10.0.0.2:7001@17001 master - "));
  EXPECT_THAT(nodes, HasSubstr(" slave " + Id("peer") + " "));
  // Not in sync yet: not to be read from.
  EXPECT_THAT(client.Ask({"CLUSTER", "SLOTS"}), Not(HasSubstr(Id("follower"))));
  EXPECT_THAT(client.Ask({"CLUSTER", "SHARDS"}), AllOf(HasSubstr("replica"), HasSubstr("loading")));
  EXPECT_THAT(client.Ask({"CLUSTER", "REPLICAS", Id("peer")}), HasSubstr(Id("follower")));
  EXPECT_EQ(client.Ask({"CLUSTER", "REPLICAS", Id("follower")}),
            "-ERR The specified node is not a master\r\n");

  const cluster::Group* group = state().topology()->FindGroup(peers);
  Apply(cluster::SetInSync{.group = peers,
                           .members = {group->leader, cluster::NodeId::FromName("follower")},
                           .expected_epoch = group->epoch,
                           .expected_revision = group->revision});
  EXPECT_THAT(client.Ask({"CLUSTER", "SLOTS"}), HasSubstr(Id("follower")));
  const uint64_t term = state().topology()->office().term + 1;
  Apply(cluster::TakeOffice{.judge = me, .term = term});
  Apply(cluster::MarkNode{.id = cluster::NodeId::FromName("peer"), .failed = true, .term = term});
  EXPECT_THAT(client.Ask({"CLUSTER", "NODES"}), HasSubstr(" master,fail - "));
  EXPECT_THAT(client.Ask({"CLUSTER", "INFO"}), HasSubstr("cluster_slots_fail:2\r\n"));
  EXPECT_EQ(client.Ask({"CLUSTER", "COUNT-FAILURE-REPORTS", Id("peer")}), ":1\r\n");
}

TEST_F(ClusterOperationsTest, ChecksAsRedisDoes) {
  Client client(*node_);
  Meet("peer", 7001);
  Meet("follower", 7002);
  const cluster::TopologyPtr topology = state().topology();
  const auto peer = cluster::NodeId::FromName("peer");
  const cluster::GroupId peers =
      topology->groups()[topology->GroupsLedBy(topology->IndexOf(peer)).front()].id;
  Apply(cluster::AddFollower{.group = peers, .node = cluster::NodeId::FromName("follower")});
  Apply(cluster::AddSlots{.to = state().my_id(), .slots = {1}});
  const std::string me = state().my_id().str();
  for (const auto& [words, reply] : std::vector<std::pair<Words, std::string>>{
           {{"SETSLOT", "2", "MIGRATING", Id("peer")}, "I'm not the owner of hash slot 2"},
           {{"SETSLOT", "1", "IMPORTING", Id("peer")}, "I'm already the owner of hash slot 1"},
           {{"SETSLOT", "1", "MIGRATING", Id("nobody")}, "I don't know about node " + Id("nobody")},
           {{"SETSLOT", "1", "MIGRATING", Id("follower")}, "Target node is not a master"},
           {{"SETSLOT", "1", "NODE", Id("follower")}, "Target node is not a master"},
           {{"REPLICATE", Id("follower")}, "I can only replicate a master, not a replica."},
           {{"REPLICATE", Id("peer")},
            "To set a master the node must be empty and without assigned slots."},
           {{"SET-CONFIG-EPOCH", "5"},
            "The user can assign a config epoch only when the node does not know any other node."},
           {{"FORGET", me}, "I tried hard but I can't forget myself..."}}) {
    Words call = words;
    call.insert(call.begin(), "CLUSTER");
    EXPECT_EQ(client.Ask(call), "-ERR " + reply + "\r\n");
  }
  EXPECT_EQ(deciding_.waiting(), 0u);
  client.Send({"CLUSTER", "SETSLOT", "1", "MIGRATING", Id("peer")});
  EXPECT_EQ(deciding_.Next(), "MarkMigrating");
  Apply(deciding_.LastChange());
  deciding_.End(absl::OkStatus());
  EXPECT_EQ(client.Receive(), "+OK\r\n");
}

TEST_F(ClusterOperationsTest, AFollowerServesNothingThatItsLeaderShould) {
  Client client(*node_);
  Meet("peer", 7001);
  const auto peer = cluster::NodeId::FromName("peer");
  cluster::AddSlots all{.to = peer, .slots = {}};
  for (int slot = 0; slot < kSlots; ++slot) all.slots.push_back(static_cast<Slot>(slot));
  Apply(all);
  const cluster::TopologyPtr topology = state().topology();
  Apply(cluster::AddFollower{
      .group = topology->groups()[topology->GroupsLedBy(topology->IndexOf(peer)).front()].id,
      .node = state().my_id()});
  EXPECT_EQ(client.Ask({"GET", "a"}), "-MOVED 15495 10.0.0.2:7001\r\n");
  EXPECT_EQ(client.Ask({"READONLY"}), "+OK\r\n");
  EXPECT_EQ(client.Ask({"GET", "a"}), "$-1\r\n");
  EXPECT_EQ(client.Ask({"SET", "a", "1"}), "-MOVED 15495 10.0.0.2:7001\r\n");
  EXPECT_EQ(client.Ask({"READWRITE"}), "+OK\r\n");
  EXPECT_EQ(client.Ask({"GET", "a"}), "-MOVED 15495 10.0.0.2:7001\r\n");
  EXPECT_EQ(client.Ask({"CLUSTER", "SETSLOT", "1", "STABLE"}),
            "-ERR Please use SETSLOT only with masters.\r\n");
  EXPECT_EQ(client.Ask({"CLUSTER", "FORGET", Id("peer")}), "-ERR Can't forget my master!\r\n");
  EXPECT_EQ(client.Ask({"CLUSTER", "FAILOVER"}),
            "-ERR Master is down or failed, please use CLUSTER FAILOVER FORCE\r\n");
  client.Send({"CLUSTER", "FAILOVER", "TAKEOVER"});
  EXPECT_EQ(deciding_.Next(), "failover");
  deciding_.End(absl::OkStatus());
  EXPECT_EQ(client.Receive(), "+OK\r\n");
}

// Slot 15495, of key "a", is on its way to the peer.
class LeavingSlot : public ClusterOperationsTest {
 protected:
  LeavingSlot() {
    Meet("peer", 7001);
    cluster::AddSlots all{.to = state().my_id(), .slots = {}};
    for (int slot = 0; slot < kSlots; ++slot) all.slots.push_back(static_cast<Slot>(slot));
    Apply(all);
    EXPECT_EQ(client_.Ask({"SET", "a", "1"}), "+OK\r\n");
    const cluster::TopologyPtr topology = state().topology();
    const cluster::NodeIndex peer = topology->IndexOf(cluster::NodeId::FromName("peer"));
    Apply(cluster::MarkMigrating{.slot = 15495,
                                 .to = topology->groups()[topology->GroupsLedBy(peer)[0]].id});
  }
  static constexpr const char* kAsk = "-ASK 15495 10.0.0.2:7001\r\n";
  static constexpr const char* kTryAgain =
      "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
  Client client_{*node_};
};

TEST_F(LeavingSlot, PresentKeysAreServedAndAbsentOnesAsked) {
  EXPECT_EQ(client_.Ask({"GET", "a"}), "$1\r\n1\r\n");
  EXPECT_EQ(client_.Ask({"INCR", "a"}), ":2\r\n");
  EXPECT_EQ(client_.Ask({"SET", "{a}new", "1"}), kAsk);
  EXPECT_EQ(client_.Ask({"GET", "{a}new"}), kAsk);
  EXPECT_EQ(client_.Ask({"MGET", "a", "{a}new"}), kTryAgain);
  EXPECT_EQ(client_.Ask({"MGET", "{a}1", "{a}2"}), kAsk);
  EXPECT_EQ(client_.Ask({"SET", "other", "1"}), "+OK\r\n");
}

TEST_F(LeavingSlot, TransactionsAreJudgedAsAWhole) {
  EXPECT_EQ(client_.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client_.Ask({"INCR", "a"}), "+QUEUED\r\n");
  EXPECT_EQ(client_.Ask({"INCR", "a"}), "+QUEUED\r\n");
  EXPECT_EQ(client_.Ask({"EXEC"}), "*2\r\n:2\r\n:3\r\n");
  EXPECT_EQ(client_.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client_.Ask({"GET", "{a}new"}), kAsk);
  EXPECT_THAT(client_.Ask({"EXEC"}), HasSubstr("EXECABORT"));
  // The key goes between MULTI and EXEC.
  EXPECT_EQ(client_.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client_.Ask({"INCR", "a"}), "+QUEUED\r\n");
  Client other(*node_);
  EXPECT_EQ(other.Ask({"DEL", "a"}), ":1\r\n");
  EXPECT_EQ(client_.Ask({"EXEC"}), kAsk);
}

TEST_F(LeavingSlot, ScriptsAreJudgedByTheirKeysAndByTheirCalls) {
  EXPECT_EQ(client_.Ask({"EVAL", "return redis.call('incr', KEYS[1])", "1", "a"}), ":2\r\n");
  EXPECT_EQ(client_.Ask({"EVAL", "return redis.call('incr', KEYS[1])", "1", "{a}new"}), kAsk);
  EXPECT_THAT(client_.Ask({"EVAL", "return redis.call('set', '{a}new', 1)", "1", "a"}),
              HasSubstr("Script attempted to access a non local key in a cluster node"));
}

TEST_F(LeavingSlot, NobodyWaitsForAKeyThatWouldComeElsewhere) {
  EXPECT_EQ(client_.Ask({"BLPOP", "{a}list", "0"}), kAsk);
}

TEST_F(ClusterOperationsTest, WhoWaitsForAKeyIsSentToTheNewOwner) {
  Client client(*node_);
  Client other(*node_);
  Meet("peer", 7001);
  cluster::AddSlots all{.to = state().my_id(), .slots = {}};
  for (int slot = 0; slot < kSlots; ++slot) all.slots.push_back(static_cast<Slot>(slot));
  Apply(all);
  client.Send({"BLPOP", "a", "0"});
  while (other.Ask({"INFO", "clients"}).find("blocked_clients:1") == std::string::npos) {
  }
  Apply(cluster::SetSlotOwner{15495, cluster::NodeId::FromName("peer")});
  EXPECT_EQ(client.Receive(), "-MOVED 15495 10.0.0.2:7001\r\n");
}

}  // namespace
}  // namespace henge::server
