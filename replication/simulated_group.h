// SPDX-License-Identifier: Apache-2.0
// For tests: nodes that lead and follow each other by LeaderEnd and FollowerEnd, over a network
// and with disks that fail, one random step after the other. All of it is decided by the seed.
//
// A byte of a history is a number of its own; an odd one ends a unit. So two histories that differ
// anywhere differ in numbers, and what a follower has is compared with what whoever made the
// history wrote. The checks are about what happened, and take no machine's word for it.
#pragma once

#include <absl/status/status.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "replication/follower_end.h"
#include "replication/history.h"
#include "replication/leader_end.h"

namespace henge::replication::simulation {

// Errors that the simulation can be told to make, each of which some check must find.
enum class Bug : uint8_t {
  kNone,
  kBelievesOldLeaders,    // A follower does not look at epochs.
  kStampsNewestEpoch,     // A leader says the newest epoch that it heard of, not its data's.
  kGrantsAnyOffset,       // A partial resync of a known name, wherever the follower stands.
  kNeverPartial,          // Everything is sent each time.
  kDropsSpool,            // What came during the full sync is not applied.
  kAcknowledgesReceived,  // As if it were applied.
  kDurableIsApplied,      // As if the disk were memory.
  kKeepsOldName,          // A follower does not hear that the history has another name.
  kSharesOldSnapshot,     // A snapshot goes out under the name of today.
  kNoTimeouts,            // A connection that hangs is waited for.
};

using Bytes = std::vector<uint32_t>;

struct Snapshot {
  std::string history_id;
  Bytes bytes;
};

struct Disk {
  History history;
  Bytes bytes;
  uint64_t epoch = 0;
  uint64_t newest_epoch = 0;
};

struct Node {
  History history;
  Bytes bytes;
  uint64_t epoch = 0;
  uint64_t newest_epoch = 0;
  bool keeps = true;
  bool own_name = false;  // As Replication's: since a restart.
  int64_t kept_from = 0;
  int64_t synced = 0;  // How much of `bytes` a restart leaves.
  Disk disk;
  int leader = -1;  // -1: it leads.
  uint64_t link = 0;
  std::shared_ptr<Snapshot> source;
  uint64_t seen_epoch = 0;  // The checker's.

  bool leads() const { return leader < 0; }
  int64_t end() const { return static_cast<int64_t>(bytes.size()); }
};

struct Said {
  LeaderSaid said;
  Bytes bytes;
};

struct Connection {
  uint64_t number;
  size_t follower;
  size_t leader;
  LeaderEnd leader_end;
  FollowerEnd follower_end;
  std::deque<Said> to_follower;
  std::deque<std::variant<StreamHello, StreamAcknowledgement>> to_leader;
  bool follower_open = true;
  bool leader_open = true;
  bool cut = false;    // Nothing more is put on its way.
  bool hangs = false;  // Nothing arrives, and nobody is told.
  std::string name;    // Of the history that is followed.
  Bytes pending;       // Of an incomplete unit.
  Bytes spool;
  std::shared_ptr<Snapshot> snapshot;
  uint64_t pieces = 0;       // Of the snapshot, under way.
  Bytes at_hello;            // What the follower had.
  int64_t applied_true = 0;  // What may be acknowledged: the checker's.
  int64_t durable_true = 0;
};

class Group {
 public:
  Group(uint64_t seed, size_t nodes, Bug bug);

  // Something happens.
  void Step();
  // Faults end, somebody leads, and all are to have what it has.
  void Settle();
  // What went wrong; empty: nothing.
  const std::vector<std::string>& violations() const { return violations_; }
  size_t partial() const { return partial_; }
  size_t full() const { return full_; }
  size_t refused_epochs() const { return refused_epochs_; }

 private:
  // --- What happens to a node.
  void Write(Node& node);
  void Sync(Node& node);
  void Restart(Node& node);
  void Promote(Node& node);
  void Raise(Node& node);
  void Tell(Node& node, size_t leader);
  void Trim(Node& node);
  void Connect(Node& node);
  void DropFollowers(const Node& node);
  void Learn(Node& node, uint64_t epoch);
  void Fail(Node& node);
  void CutSome();
  void Rewrite(Node& node);  // It has a name of its own for what it has.

  // --- What happens to a connection.
  void Advance(Connection& at);
  void DeliverToLeader(Connection& at);
  void OnHello(Connection& at, const StreamHello& hello);
  void Pump(Connection& at);
  void BeginSnapshot(Connection& at);
  void DeliverToFollower(Connection& at);
  void OnLeaderSaid(Connection& at, const Said& message);
  void FetchSnapshot(Connection& at);
  void Load(Connection& at);
  void Drain(Connection& at);
  void Apply(Connection& at, const Bytes& bytes);
  void Acknowledge(Connection& at);
  void CheckTimeouts(Connection& at);
  void CloseFollower(Connection& at, const absl::Status& why);
  void CloseLeader(Connection& at);

  // --- Checks.
  void Expect(bool true_thing, const std::string& otherwise);
  void CheckPrefix(const Node& node);
  void CheckEpochOf(Node& node, const Connection& at);
  void CheckFull(const Connection& at, const StreamHello& hello);
  bool Converged() const;

  Holding HoldingOf(const Node& node) const;
  bool Serves(const Node& node) const;
  Connection* LinkOf(const Node& node);
  size_t Index(const Node& node) const { return static_cast<size_t>(&node - nodes_.data()); }
  bool OneIn(uint64_t n) { return random_.Below(n) == 0; }
  size_t SomeNode() { return random_.Below(nodes_.size()); }

  Random random_;
  const Bug bug_;
  const bool epochs_;  // Or nobody gives any, as outside of clusters.
  int64_t now_ms_ = 0;
  uint32_t next_byte_ = 0;
  uint64_t top_epoch_ = 0;
  size_t top_leader_ = 0;
  uint64_t next_number_ = 1;
  std::vector<Node> nodes_;
  std::deque<Connection> connections_;
  std::set<std::pair<size_t, size_t>> parted_;
  std::map<std::string, Bytes> written_;                 // By whoever made the history.
  std::map<std::string, std::set<uint64_t>> epochs_of_;  // In which it led.
  std::vector<std::string> violations_;
  size_t partial_ = 0;
  size_t full_ = 0;
  size_t refused_epochs_ = 0;
};

}  // namespace henge::replication::simulation
