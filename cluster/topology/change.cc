// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/change.h"

#include <array>
#include <utility>

#include "cluster/topology/draft.h"
#include "cluster/topology/invariants.h"
#include "cluster/topology/refusals.h"

namespace henge::cluster {

absl::StatusOr<TopologyPtr> Draft::Finish() && {
  auto next = Topology::FromParts(std::move(parts_));
  if (!next.ok()) return next;
  if (absl::Status status = CheckStep(from_, **next); !status.ok()) return status;
  return next;
}

std::string_view NameOf(const Change& change) {
  static constexpr std::array<std::string_view, std::variant_size_v<Change>> kNames = {
      "AddNode",        "RemoveNode",  "UpdateNode",     "MarkNode",        "ResetNode",
      "CreateGroup",    "AddFollower", "RemoveFollower", "Promote",         "StepDown",
      "SetInSync",      "AddSlots",    "DelSlots",       "SetSlotOwner",    "MarkMigrating",
      "MarkImporting",  "MarkStable",  "StartMigration", "CancelMigration", "MoveSlots",
      "SetConfigEpoch", "BumpEpoch",   "SetVoters",      "TakeOffice",      "PlaceByRing",
      "PlaceByHand"};
  return kNames[change.index()];
}

absl::StatusOr<TopologyPtr> Apply(const Topology& topology, const Change& change,
                                  uint64_t expected_version) {
  if (expected_version != 0 && expected_version != topology.version()) {
    return Outdated("the topology is at version ", topology.version(), ", not ", expected_version);
  }
  Draft draft(topology);
  if (absl::Status status = std::visit(draft, change); !status.ok()) return status;
  return std::move(draft).Finish();
}

}  // namespace henge::cluster
