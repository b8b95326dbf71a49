// SPDX-License-Identifier: Apache-2.0
// Acknowledgements: what followers say they have, and who waits for that: clients in WAIT and
// WAITAOF, and with `write-concern insync` every reply to a write.
//
//   follower's connection ── Acknowledge ──┬─> InSync ──> CommitGate ──> held replies
//                                          └─> clients in WAIT
//   whoever waits ── Ask ──> REPLCONF GETACK in the stream, one at a time
//
// In a group that the control plane governs the set is not InSync's own, but whom that counts, by
// the names of nodes (CountedInSync); followers by gRPC acknowledge without being asked.
//
// Positions are LSNs of this node's journal. Any thread; a leaf, but for the journal's lock and
// the registry of clients.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "commands/services.h"
#include "replication/counted_insync.h"
#include "replication/insync.h"

namespace henge::server {

class Node;

class Acknowledgements {
 public:
  explicit Acknowledgements(Node& node);

  // Whether replies to writes wait for followers.
  bool holds_replies() const { return holds_replies_.load(std::memory_order_relaxed); }
  // Whether writes would wait for more followers than are in sync.
  bool too_few() const { return too_few_.load(std::memory_order_relaxed); }

  // --- Followers; `follower` is its connection's id
  void Acknowledge(ClientId follower, Lsn lsn, Lsn durable);
  void Leave(ClientId follower);
  bool InSync(ClientId follower) const;
  size_t in_sync() const;

  // --- Of a governed group
  void Govern();  // Before anybody is served.
  // The follower is that node; an older connection of it counts no more.
  void Name(ClientId follower, const std::string& node);
  // Whom writes wait for, by their nodes' names: from here on.
  void Count(std::span<const std::string> nodes);
  // Which of them could be counted, and lose nothing. For the one who counts.
  std::vector<std::string> ReviewFit();

  // --- Those who wait
  // How many followers have what comes before `lsn`, in memory or on disk.
  int64_t Count(Lsn lsn, bool durable) const;
  // The client's session is asked to look (Session::CheckWait) when so many have it.
  void Await(ClientId client, Lsn lsn, const commands::WaitGoal& goal);
  void Forget(ClientId client);
  // Followers say soon what they have.
  void AskNow();
  // A reply waits for that to be in sync.
  void Want(Lsn lsn);

  // --- The node
  void ApplyParameters();
  // REQUIRES, of both: every shard is locked.
  void BeginFollowing();
  void BeginLeading();
  // No words of the leader's any more: the journal ends with the last write.
  void SetQuiet(bool quiet);
  // A word of the leader's in the stream, or a `message` of a client's, unless this node follows.
  // No shard lock is needed.
  bool AppendControl(std::span<const std::string_view> words, bool message = false);
  void Tick(UnixMillis now);

 private:
  struct Position {
    Lsn lsn = 0;
    Lsn durable = 0;
  };
  struct Waiter {
    ClientId client;
    Lsn lsn;
    int64_t followers;
    bool durable;
  };
  // With the mutex held, as the rest.
  void Publish();
  void Ask();
  int64_t CountLocked(Lsn lsn, bool durable) const;
  bool insync() const { return holds_replies(); }
  Lsn Committed() const { return governed_ ? counted_.committed() : set_.committed(); }

  Node& node_;
  std::atomic<bool> holds_replies_{false};
  std::atomic<bool> too_few_{false};
  mutable std::mutex mu_;  // Of all below.
  bool follows_ = false;
  bool governed_ = false;
  bool quiet_ = false;
  bool wanted_by_setting_ = false;
  replication::InSync set_;
  replication::CountedInSync counted_;
  std::map<ClientId, std::string> nodes_;  // Whose names are known.
  std::map<ClientId, Position> followers_;
  std::vector<Waiter> waiters_;
  Lsn asked_ = 0;   // Behind the last GETACK.
  Lsn wanted_ = 0;  // What a reply waits for.
};

}  // namespace henge::server
