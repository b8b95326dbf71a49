// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/kept_writes.h"

namespace henge::sim {

void KeptWrites::OnAcknowledge(uint32_t write, Concern concern, size_t node, uint64_t life) {
  ++account_.acknowledged;
  kept_.emplace(write, Acknowledged{concern, node, life});
  if (concern != Concern::kInSync) return;
  ++acknowledged_insync_;
  replicated_.insert(write);
}

void KeptWrites::OnReplicated(uint32_t write) { replicated_.insert(write); }

void KeptWrites::Lose(uint32_t write, const Acknowledged& of, bool live) {
  if (!live) {
    ++account_.lost_to_power;
    return;
  }
  lost_.emplace(write, of);
  ++account_.lost_async;
  if (replicated_.contains(write)) {
    verdict_.Violated("kept",
                      fmt::format("a leader lacks {} write {}, which all in sync had",
                                  of.concern == Concern::kInSync ? "insync" : "async", write));
  }
}

// One who had more of an async leader's writes than the one that rose first may rise next.
void KeptWrites::FindAgain(const std::set<uint32_t>& has) {
  for (auto at = lost_.begin(); at != lost_.end();) {
    if (!has.contains(at->first)) {
      ++at;
      continue;
    }
    --account_.lost_async;
    kept_.insert(*at);
    at = lost_.erase(at);
  }
}

void KeptWrites::LoseAllBut(const std::set<uint32_t>& has, bool live) {
  for (auto at = kept_.begin(); at != kept_.end();) {
    if (has.contains(at->first)) {
      ++at;
      continue;
    }
    Lose(at->first, at->second, live);
    at = kept_.erase(at);
  }
}

void KeptWrites::OnServes(size_t node, Log log, bool live) {
  const std::set<uint32_t> has(log.begin(), log.end());
  FindAgain(has);
  LoseAllBut(has, live);
  for (const uint32_t write : on_disks_) {
    if (has.contains(write)) continue;
    verdict_.Violated("kept",
                      fmt::format("node {} lacks write {}, which all disks had", node, write));
  }
}

void KeptWrites::OnRevives(size_t node, Log log, const std::set<uint32_t>& held) {
  const std::set<uint32_t> has(log.begin(), log.end());
  for (const auto& [write, of] : kept_) {
    if (has.contains(write) || !held.contains(write) || !replicated_.contains(write)) continue;
    verdict_.Violated("kept", fmt::format("node {} is given a lease for what it found, which lacks "
                                          "write {}, and somebody in sync has that live",
                                          node, write));
  }
  LoseAllBut(has, /*live=*/false);
}

void KeptWrites::OnDrop(Log writes) { dropped_.insert(writes.begin(), writes.end()); }

void KeptWrites::OnFollows(size_t node, uint64_t life, Log log, size_t leader,
                           uint64_t leader_life) {
  for (const uint32_t write : log) {
    for (auto* of : {&kept_, &lost_}) {
      const auto at = of->find(write);
      if (at == of->end() || at->second.node != node || at->second.life != life) continue;
      at->second.node = leader;
      at->second.life = leader_life;
    }
  }
}

void KeptWrites::OnPower(Log on_disks) { on_disks_.assign(on_disks.begin(), on_disks.end()); }

}  // namespace henge::sim
