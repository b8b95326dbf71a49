// SPDX-License-Identifier: Apache-2.0
// The changes of nodes.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <string>

#include "cluster/topology/draft.h"
#include "cluster/topology/membership.h"
#include "cluster/topology/refusals.h"

namespace henge::cluster {
namespace {

absl::Status NeedAddress(const Node& node) {
  if (!node.host.empty() && node.port != 0) return absl::OkStatus();
  return Senseless("node ", node.name, " has no address");
}

}  // namespace

absl::StatusOr<NodeIndex> Draft::Known(const NodeId& id) const {
  const NodeIndex index = from_.IndexOf(id);
  if (index == kNoNode) return Unknown("node ", Digits(id), " is not known");
  return index;
}

absl::Status Draft::CheckTerm(uint64_t term) const {
  if (term == parts_.office.term) return absl::OkStatus();
  return Outdated("judged in term ", term, ", and this is term ", parts_.office.term);
}

absl::Status Draft::operator()(const AddNode& change) {
  const Node& node = change.node;
  if (from_.Find(node.id) != nullptr) return Taken("node ", Digits(node.id), " is known");
  if (absl::Status status = NeedAddress(node); !status.ok()) return status;
  parts_.nodes.push_back(node);
  parts_.nodes.back().failed = false;
  parts_.epoch = std::max(parts_.epoch, node.config_epoch);
  if (!by_hand()) {
    if (change.slots.empty()) return absl::OkStatus();
    return NotNow("the ring places the slots: a node can't bring any");
  }
  LeadAlone(node.id);
  if (absl::Status status = CheckRanges(change.slots); !status.ok()) return status;
  SlotSet brought;
  for (const auto& [first, last] : change.slots) {
    for (int slot = first; slot <= last; ++slot) {
      const auto at = static_cast<size_t>(slot);
      if (parts_.slots[at] != kNoGroup) return Taken("slot ", slot, " is already busy");
      parts_.slots[at] = static_cast<GroupIndex>(parts_.groups.size() - 1);
      brought.set(at);
    }
  }
  EraseMarks(brought);
  return absl::OkStatus();
}

absl::Status Draft::EraseNode(const NodeId& id) {
  if (std::count(parts_.voters.begin(), parts_.voters.end(), id) > 0) {
    return NotNow("node ", Digits(id), " is a voter");
  }
  for (size_t i = parts_.groups.size(); i-- > 0;) {
    const Group& group = parts_.groups[i];
    if (group.leader != id) continue;
    const auto index = static_cast<GroupIndex>(i);
    if (std::count(parts_.slots.begin(), parts_.slots.end(), index) > 0) {
      return NotNow("node ", Digits(id), " owns slots");
    }
    if (!group.followers.empty()) return NotNow("node ", Digits(id), " has followers");
    EraseGroup(parts_, index);
  }
  if (absl::Status status = DropFromAll(id); !status.ok()) return status;
  std::erase_if(parts_.nodes, [&](const Node& node) { return node.id == id; });
  if (parts_.office.judge == id) parts_.office.judge = NodeId();
  return absl::OkStatus();
}

absl::Status Draft::operator()(const RemoveNode& change) {
  if (const auto index = Known(change.id); !index.ok()) return index.status();
  return EraseNode(change.id);
}

absl::Status Draft::operator()(const ResetNode& change) {
  const auto index = Known(change.id);
  if (!index.ok()) return index.status();
  if (by_hand()) {
    std::vector<NodeId> left;
    for (const GroupIndex led : from_.GroupsLedBy(*index)) {  // One, at most.
      left = parts_.groups[led].followers;
      EraseGroup(parts_, led);
    }
    for (const NodeId& follower : left) LeadAlone(follower);
  }
  return EraseNode(change.id);
}

absl::Status Draft::operator()(const UpdateNode& change) {
  const auto index = Known(change.node.id);
  if (!index.ok()) return index.status();
  Node& node = parts_.nodes[*index];
  // One that was founded alone may go on without a host.
  const bool hostless = node.host.empty() && change.node.host.empty() && change.node.port != 0;
  if (absl::Status status = NeedAddress(change.node); !hostless && !status.ok()) return status;
  const Epoch config_epoch = node.config_epoch;
  const bool failed = node.failed;
  node = change.node;
  node.config_epoch = config_epoch;
  node.failed = failed;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const MarkNode& change) {
  const auto index = Known(change.id);
  if (!index.ok()) return index.status();
  if (absl::Status status = CheckTerm(change.term); !status.ok()) return status;
  parts_.nodes[*index].failed = change.failed;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const SetConfigEpoch& change) {
  const auto index = Known(change.id);
  if (!index.ok()) return index.status();
  if (change.epoch == 0 || change.epoch > kMaxCounter) {
    return Senseless("config epoch ", change.epoch, " is out of range");
  }
  if (parts_.nodes[*index].config_epoch != 0) {
    return NotNow("node ", Digits(change.id), " has a config epoch already");
  }
  parts_.nodes[*index].config_epoch = change.epoch;
  parts_.epoch = std::max(parts_.epoch, change.epoch);
  return absl::OkStatus();
}

absl::Status Draft::operator()(const BumpEpoch& change) {
  const auto index = Known(change.id);
  if (!index.ok()) return index.status();
  parts_.nodes[*index].config_epoch = ++parts_.epoch;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const SetVoters& change) {
  std::vector<NodeId> expected = change.expected;
  std::sort(expected.begin(), expected.end());
  if (expected != parts_.voters) return Outdated("the voters have changed meanwhile");
  if (change.voters.empty() || change.voters.size() > kMaxVoters) {
    return Senseless("there must be one voter at least and ", kMaxVoters, " at most");
  }
  for (const NodeId& voter : change.voters) {
    const auto index = Known(voter);
    if (!index.ok()) return index.status();
    if (parts_.nodes[*index].no_vote) return NotNow("node ", Digits(voter), " is not to vote");
    if (std::count(change.voters.begin(), change.voters.end(), voter) > 1) {
      return Senseless("node ", Digits(voter), " is named twice");
    }
  }
  parts_.voters = change.voters;
  return absl::OkStatus();
}

absl::Status Draft::operator()(const TakeOffice& change) {
  if (const auto index = Known(change.judge); !index.ok()) return index.status();
  if (change.term > kMaxCounter) return Senseless("term ", change.term, " is out of range");
  if (change.term <= parts_.office.term) {
    return Outdated("term ", change.term, " is not above ", parts_.office.term);
  }
  if (change.lease_ms == 0 || change.lease_ms > kMaxLeaseMs) {
    return Senseless("a lease of ", change.lease_ms, " ms is out of range");
  }
  const Office before = parts_.office;
  if (change.settled && before.judge != change.judge) {
    return NotNow("only who is in office has waited for what was before");
  }
  const uint32_t outstanding = change.settled ? before.lease_ms : before.wait_ms;
  parts_.office = {.judge = change.judge,
                   .term = change.term,
                   .lease_ms = change.lease_ms,
                   .wait_ms = std::max(outstanding, change.lease_ms)};
  return absl::OkStatus();
}

}  // namespace henge::cluster
