// SPDX-License-Identifier: Apache-2.0
// KeptWrites: what became of each acknowledged write of a group.
//
//   acknowledged = kept (with whoever leads) + lost
//   lost with live data = dropped, and told, by somebody + died with the process that was to tell
//
//   insync    with each later leader that had live data when it rose
//   async     may be lost unless every follower in sync had it; it may come back, with one who had
//   it either    may be lost when nobody in sync had live data any more: power. But then not what
//   was
//             on the disks of all of the in-sync when the last of them went (OnPower).
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/types.h"
#include "tests/sim/verdict.h"

namespace henge::sim {

enum class Concern : uint8_t { kAsync, kInSync };

struct LossAccount {
  uint64_t acknowledged = 0;
  uint64_t kept = 0;
  uint64_t lost_to_power = 0;
  uint64_t lost_async = 0;  // With live data all the time. Of these:
  uint64_t dropped = 0;     // told by somebody who dropped them;
  uint64_t died = 0;        // the process that was to tell had ended.
};

class KeptWrites {
 public:
  using Log = std::span<const uint32_t>;

  explicit KeptWrites(Verdict& verdict) : verdict_(verdict) {}

  // A leader has told a client that the write is there. `life`: of its process.
  void OnAcknowledge(uint32_t write, Concern concern, size_t node, uint64_t life);
  // All that counts for an acknowledgement have the write.
  void OnReplicated(uint32_t write);
  // A node may acknowledge, first in its epoch, with that log. `live`: so it was promoted.
  void OnServes(size_t node, Log log, bool live);
  // Nobody in sync had live data; who has most was given a lease, and this is the data from now on,
  // even if somebody else is the first to serve it. `held`: what processes with live data have that
  // are in sync, for all that a leader ever said.
  void OnRevives(size_t node, Log log, const std::set<uint32_t>& held);
  // A process drops these for the present leader's history, and keeps them in a file.
  void OnDrop(Log writes);
  // A process has taken up the leader's history: of what it had to answer for, and still has, the
  // leader's process is the one to tell from here on.
  void OnFollows(size_t node, uint64_t life, Log log, size_t leader, uint64_t leader_life);
  // All lost their memory at one moment; these are on the disks of all of the in-sync.
  void OnPower(Log on_disks);
  // A disk of one of them was lost, too.
  void OnDiskLost() { on_disks_.clear(); }

  uint64_t acknowledged_insync() const { return acknowledged_insync_; }

  // At the end, with the log of who leads. `gone(node, life)`: that process has ended.
  template <class Gone>
  LossAccount Settle(Log log, const Gone& gone);

 private:
  struct Acknowledged {
    Concern concern;
    size_t node;  // Which process is to tell if it is lost: at first who acknowledged it.
    uint64_t life;
  };
  void Lose(uint32_t write, const Acknowledged& of, bool live);
  void LoseAllBut(const std::set<uint32_t>& has, bool live);
  void FindAgain(const std::set<uint32_t>& has);

  Verdict& verdict_;
  std::map<uint32_t, Acknowledged> kept_;
  std::set<uint32_t> replicated_;
  std::vector<uint32_t> on_disks_;
  std::map<uint32_t, Acknowledged> lost_;  // With live data.
  std::set<uint32_t> dropped_;
  LossAccount account_;
  uint64_t acknowledged_insync_ = 0;
};

template <class Gone>
LossAccount KeptWrites::Settle(Log log, const Gone& gone) {
  const std::set<uint32_t> has(log.begin(), log.end());
  for (const auto& [write, of] : kept_) {
    if (!has.contains(write)) verdict_.Violated("kept", fmt::format("write {} is gone", write));
  }
  account_.kept = kept_.size();
  for (const auto& [write, of] : lost_) {
    if (dropped_.contains(write)) {
      ++account_.dropped;
    } else if (gone(of.node, of.life)) {
      ++account_.died;
    } else {
      verdict_.Violated("account",
                        fmt::format("node {} had write {}, which was acknowledged and is "
                                    "lost, and nobody told that it was dropped",
                                    of.node, write));
    }
  }
  return account_;
}

}  // namespace henge::sim
