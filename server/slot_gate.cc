// SPDX-License-Identifier: Apache-2.0
#include "server/slot_gate.h"

#include <fmt/format.h>

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

// Redis's order: an unowned slot, several slots, a cluster that is down, another node's slot.
std::string RefuseSlot(const cluster::ClusterView& view, const SlotRequest& request,
                       const DownPolicy& when_down) {
  const cluster::TopologyPtr topology = view.topology();
  if (request.first_slot >= 0 &&
      topology->OwnerOf(static_cast<Slot>(request.first_slot)) == nullptr) {
    return std::string(errors::kClusterUnassigned);
  }
  if (request.slot < 0) return std::string(errors::kCrossSlot);
  if (view.health() != cluster::ClusterHealth::kOk) {
    const bool allowed = request.shard_channels ? when_down.shard_channels : when_down.reads;
    if (!allowed) return std::string(errors::kClusterDown);
    if (request.writes) return std::string(errors::kClusterDownForWrites);
  }
  const auto slot = static_cast<Slot>(request.slot);
  const cluster::Node* owner = topology->OwnerOf(slot);
  if (owner == nullptr) return std::string(errors::kClusterUnassigned);
  if (owner->id == view.my_id()) return {};
  return fmt::format("MOVED {} {}:{}", slot, owner->host, owner->port);
}

}  // namespace henge::server
