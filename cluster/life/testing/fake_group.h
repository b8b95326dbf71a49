// SPDX-License-Identifier: Apache-2.0
// A model of the nodes' data, for tests of what drives it: logs of numbers that followers copy at
// once. It believes nothing that it is told:
//   - no word of an epoch below the last one of the group;
//   - no lease for one that does not lead, does not know whom to wait for, or has no live data;
//   - no other part while there is a lease;
//   - when a write is acknowledged, nobody else may acknowledge by the very clock's reading;
//   - a leader with live data has all that was acknowledged.
// The first offence is kept (failure()).
//
// Any thread; one lock for all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cluster/failover/group_host.h"

namespace henge::cluster {

class FakeGroup {
 public:
  class Host;

  // A process of the node begins, with that of its data; it replaces the one before.
  std::shared_ptr<Host> Begin(const NodeId& node, DataState data);
  // The process is gone: it acknowledges nothing, and nobody reaches it.
  void End(const NodeId& node);
  // Nobody reaches it, nor does it reach others; it goes on by itself.
  void CutOff(const NodeId& node, bool cut);

  // Each that may, writes once.
  void Write();

  std::string failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  uint64_t acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }
  // Writes that were acknowledged and are given up, since nobody had them live any more.
  uint64_t given_up() const {
    const std::lock_guard lock(mutex_);
    return given_up_;
  }
  // Who may acknowledge now; zero: nobody.
  NodeId Acknowledger() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, copy] : copies_) {
      if (copy.MayAcknowledge()) return id;
    }
    return {};
  }

 private:
  enum class Part : uint8_t { kNobody, kLeads, kFollows };
  struct Copy {
    bool runs = true;
    bool cut = false;
    Part part = Part::kNobody;
    GroupId group = {};
    Epoch epoch = 0;
    NodeId leader = {};
    std::map<GroupId, Epoch> epochs = {};  // The highest that was heard of.
    int64_t lease = INT64_MIN;
    bool counts = false;  // It was told whom to wait for.
    std::set<NodeId> counted = {};
    bool stopped = false;
    DataState data = DataState::kNothing;
    std::vector<uint64_t> log = {};

    bool MayAcknowledge() const {
      return runs && part == Part::kLeads && !stopped && SystemClock().MonotonicMicros() < lease;
    }
  };

  // All under the lock.
  void Fail(const std::string& what) {
    if (failure_.empty()) failure_ = what;
  }
  void Take(Copy& copy, Part part, const GroupId& group, Epoch epoch, const NodeId& leader);
  bool Copies(const NodeId& from, const NodeId& to);
  void CheckKept(const Copy& leader);
  void Acknowledge(const NodeId& leader);

  mutable std::mutex mutex_;
  std::map<NodeId, Copy> copies_;
  std::map<GroupId, std::set<uint64_t>> kept_;
  uint64_t writes_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t given_up_ = 0;
  std::string failure_;
};

class FakeGroup::Host final : public GroupHost {
 public:
  Host(FakeGroup& group, const NodeId& node) : world_(group), node_(node) {}

  void Lead(const GroupId& group, Epoch epoch) override;
  void Follow(const GroupId& group, Epoch epoch, const LeaderAddress& leader) override;
  void Leave() override;
  void SetLease(int64_t until_micros) override;
  void BecomeLive() override;
  void CountInSync(std::span<const NodeId> followers) override;
  std::vector<Follower> Followers() override;
  void StopWrites() override;
  std::optional<uint64_t> StoppedAt() override;
  void ResumeWrites() override;
  GroupReport Report() override;
  NodeLoad Load() override { return {.keys = 1}; }

 private:
  Copy& mine() { return world_.copies_.at(node_); }

  FakeGroup& world_;
  const NodeId node_;
};

}  // namespace henge::cluster
