// SPDX-License-Identifier: Apache-2.0
#include "server/slot_gate.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "commands/errors.h"

namespace henge::server {

using commands::ClientState;
namespace errors = commands::errors;

int SlotOf(std::span<const store::Key> keys) {
  if (keys.empty()) return ClientState::kNoSlot;
  for (const store::Key& key : keys.subspan(1)) {
    if (key.slot != keys.front().slot) return ClientState::kManySlots;
  }
  return keys.front().slot;
}

int JoinSlots(int queued, int slot) {
  if (slot == ClientState::kNoSlot || slot == queued) return queued;
  return queued == ClientState::kNoSlot ? slot : ClientState::kManySlots;
}

bool ServesSlot(const cluster::ClusterView& view, const SlotRequest& request) {
  if (request.slot < 0 || view.health() != cluster::ClusterHealth::kOk) return false;
  const auto slot = static_cast<Slot>(request.slot);
  if (view.IsSettled(slot)) return !request.leaseless;
  return request.readonly && !request.writes && view.IsFollowedAtRest(slot);
}

namespace {

std::string RefuseWhileDown(const SlotRequest& request, const DownPolicy& policy) {
  const bool allowed = request.shard_channels ? policy.shard_channels : policy.reads;
  if (!allowed) return std::string(errors::kClusterDown);
  if (request.writes && !request.shard_channels) return std::string(errors::kClusterDownForWrites);
  return {};
}

std::string Redirect(std::string_view how, Slot slot, const cluster::Node& to,
                     cluster::EndpointType type) {
  return fmt::format("{} {} {}:{}", how, slot, cluster::EndpointOf(to, type), to.port);
}

// Whether the mark says that the slot's keys go from here, where it is served, or come here: to the
// leader, or to a follower where the call may be a follower's to answer.
bool IsOpenHere(const cluster::Topology& topology, const cluster::SlotMark& mark,
                const cluster::NodeId& me, bool served, bool by_follower) {
  if (served) return !mark.migrating_to.IsZero();
  const cluster::Group* importer = topology.FindGroup(mark.importing);
  if (importer == nullptr) return false;
  return importer->leader == me || (by_follower && importer->IsFollower(me));
}

// What is said of a slot that is on its way from or to this node; nothing: what is said of others.
std::optional<std::string> JudgeOpen(const cluster::Topology& topology, const SlotRequest& request,
                                     const cluster::SlotMark& mark, bool served,
                                     cluster::EndpointType endpoints,
                                     absl::FunctionRef<KeysHere()> count) {
  if (request.moves_keys) return "";
  const KeysHere keys = request.shard_channels ? KeysHere{} : count();
  if (served) {
    if (keys.absent == 0) return "";
    if (keys.present > 0) return std::string(errors::kTryAgain);
    const cluster::GroupIndex group = topology.GroupIndexOf(mark.migrating_to);
    const cluster::NodeIndex to =
        group == cluster::kNoGroup ? cluster::kNoNode : topology.LeaderIndex(group);
    if (to == cluster::kNoNode) return std::string(errors::kTryAgain);  // Until somebody leads.
    return Redirect("ASK", mark.slot, topology.nodes()[to], endpoints);
  }
  if (!request.asking) return std::nullopt;
  return keys.several && keys.absent > 0 ? std::string(errors::kTryAgain) : "";
}

}  // namespace

// Redis's order: an unowned slot, several slots, a cluster that is down, a slot on its way, another
// node's slot.
std::string RefuseSlot(const cluster::ClusterView& view, const SlotRequest& request,
                       const DownPolicy& when_down, absl::FunctionRef<KeysHere()> count) {
  const cluster::TopologyPtr topology = view.topology();
  if (request.first_slot >= 0 && !topology->IsAssigned(static_cast<Slot>(request.first_slot))) {
    return std::string(errors::kClusterUnassigned);
  }
  if (request.slot < 0) return std::string(errors::kCrossSlot);
  const auto slot = static_cast<Slot>(request.slot);
  const cluster::Node* owner = topology->OwnerOf(slot);
  const bool mine = owner != nullptr && owner->id == view.my_id();
  if (view.health() != cluster::ClusterHealth::kOk || (mine && request.leaseless)) {
    std::string refusal = RefuseWhileDown(request, when_down);
    if (!refusal.empty()) return refusal;
  }
  const cluster::SlotMark* mark = topology->MarkOf(slot);
  // What a follower does not find may be where the slot goes.
  const bool by_follower = request.readonly && !request.writes && !request.shard_channels;
  const bool served = mine || (by_follower && view.IsFollowed(slot));
  if (mark != nullptr && IsOpenHere(*topology, *mark, view.my_id(), served, by_follower)) {
    auto verdict = JudgeOpen(*topology, request, *mark, served, view.endpoint_type(), count);
    if (verdict) return *std::move(verdict);
  }
  if (mine) return {};
  const bool reads = !request.writes && (request.readonly || request.shard_channels);
  if (reads && view.IsFollowed(slot)) return {};
  if (owner == nullptr) return std::string(errors::kClusterUnassigned);
  return Redirect("MOVED", slot, *owner, view.endpoint_type());
}

}  // namespace henge::server
