// SPDX-License-Identifier: Apache-2.0
// Stream: one connection between a follower and its leader, with the real LeaderEnd and FollowerEnd
// at its ends. Words come in order or not at all; where the network is cut they wait, and either
// end gives up when it hears nothing for too long. One thread.
#pragma once

#include <deque>
#include <memory>
#include <variant>
#include <vector>

#include "replication/follower_end.h"
#include "replication/leader_end.h"
#include "tests/sim/world.h"

namespace henge::sim {

class Replica;

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  static constexpr int64_t kSilenceMs = 2000;
  static constexpr int64_t kAliveMs = 500;

  Stream(World& world, const cluster::GroupId& group, size_t follower, size_t leader,
         const replication::StreamHello& hello);
  void Begin(const replication::StreamHello& hello);

  // --- At the leader.
  void Pump();
  const replication::LeaderEnd& leader_end() const { return leader_end_; }
  bool online() const { return leader_end_.state() == replication::LeaderEnd::State::kOnline; }
  void CloseLeader();

  // --- At the follower.
  bool up() const { return follower_open_ && follower_end_.up(); }
  void Acknowledge();
  void CloseFollower();

  void CheckSilence(bool at_leader);
  // The process at that end is gone, and perhaps what it had said; `tell`: its machine says so.
  void Break(bool at_leader, bool tell);
  size_t follower() const { return follower_; }
  size_t leader() const { return leader_; }

 private:
  struct Closed {};
  struct Records {
    int64_t offset;
    std::vector<uint32_t> writes;
    uint64_t epoch;
  };
  struct Partial {
    replication::StreamPartial said;
  };
  struct Full {
    replication::StreamFull said;
    std::vector<uint32_t> log;
  };
  using ToFollower = std::variant<Closed, Partial, Full, Records>;
  using ToLeader =
      std::variant<Closed, replication::StreamHello, replication::StreamAcknowledgement>;
  template <class Word>
  struct Direction {
    struct Sent {
      int64_t due;
      Word word;
    };
    std::deque<Sent> words;
    int64_t last = 0;
    bool moving = false;
  };

  template <class Word>
  void Say(Direction<Word>& way, Word word);
  template <class Word>
  void Move(Direction<Word>& way);
  void Hear(const ToFollower& word);
  void Hear(const ToLeader& word);

  void OnHello(const replication::StreamHello& hello);
  void BeginSnapshot();
  void OnPartial(const Partial& partial);
  void OnFull(const Full& full);
  void OnRecords(const Records& records);
  void OnFetched();
  void LookWhetherAll();

  Replica* AtLeader();
  Replica* AtFollower();
  int64_t NowMs(size_t machine) const { return world_.Local(machine) / kMilli; }
  uint64_t Believed(uint64_t epoch);
  uint64_t said_epoch_ = 0;  // By the leader, last.

  World& world_;
  const cluster::GroupId group_;
  const size_t follower_;
  const size_t leader_;
  const uint64_t leader_life_;
  replication::LeaderEnd leader_end_;
  replication::FollowerEnd follower_end_;
  bool follower_open_ = true;
  bool leader_open_ = true;
  Direction<ToFollower> to_follower_;
  Direction<ToLeader> to_leader_;
  int64_t said_at_ = 0;
  bool snapshot_begun_ = false;

  int64_t all_ = -1;  // What the leader had when it answered; -1: it has not.
  Full full_;
  std::vector<uint32_t> spool_;
};

}  // namespace henge::sim
