// SPDX-License-Identifier: Apache-2.0
// AgreedTopology: the topology as the state of a replicated log. An entry is either the founding of
// the cluster, which is the first, or a proposal: a change, who proposes it, under which number.
// Apply's refusals are a part of the state as its successes are, so that the proposer learns what
// became of its proposal, also when it asks again.
//
//   log ── Apply ──> topology, outcomes ── Save, Load ──> snapshots
//
// The same entries make the same state anywhere, byte for byte. What can't be read is passed over,
// by every node alike. The last kMaxOutcomes outcomes are kept.
//
// ReplicatedState's methods: the driver's thread. The rest: any thread.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cluster/consensus/driver.h"
#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

struct NumberedProposal {
  consensus::PeerId proposer = consensus::kNobody;
  uint64_t number = 0;
  Change change;
  uint64_t expected_version = 0;
};

std::string EncodeEntry(const NumberedProposal& proposal);
std::string EncodeFounding(std::string_view cluster, const Topology& topology);

class AgreedTopology final : public consensus::ReplicatedState {
 public:
  static constexpr size_t kMaxOutcomes = 1024;
  static constexpr size_t kMaxMessage = 256;  // Bytes of a refusal's text that are kept.

  // Told on the driver's thread of each new document, and of members that were agreed on.
  struct Listener {
    std::function<void(const TopologyPtr&)> topology;
    std::function<void(const consensus::Membership&)> members;
  };
  explicit AgreedTopology(Listener listener = {}) : listener_(std::move(listener)) {}

  TopologyPtr topology() const;  // Empty, of version 0, before the founding.
  std::string cluster() const;   // Empty before the founding.
  // What became of it: OK, or Apply's refusal; nothing if it was not applied, or so long ago that
  // this is forgotten.
  std::optional<absl::Status> OutcomeOf(consensus::PeerId proposer, uint64_t number) const;

  void Apply(consensus::Index index, std::string_view command) override;
  void Members(consensus::Index index, const consensus::Membership& members) override;
  std::string Save() override;
  void Load(consensus::Index index, std::string_view saved) override;

 private:
  using Name = std::pair<consensus::PeerId, uint64_t>;

  // These under mutex_; whether the topology is another.
  bool ApplyLocked(std::string_view command);
  absl::Status Decide(const NumberedProposal& proposal);
  void Remember(const Name& name, const absl::Status& outcome);
  bool LoadLocked(std::string_view saved);
  void Tell();

  const Listener listener_;
  mutable std::mutex mutex_;
  std::string cluster_;
  TopologyPtr topology_ = Topology::Empty();
  absl::flat_hash_map<Name, absl::Status> outcomes_;
  std::deque<Name> order_;  // Of the outcomes; the oldest first.
};

}  // namespace henge::cluster
