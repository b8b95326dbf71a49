// SPDX-License-Identifier: Apache-2.0
// The face of the cluster that commands see.
//
// The one question asked for every command, "is this slot mine?", is a single relaxed load of a
// byte from a table of 16 KiB that the view keeps current. All else goes through an immutable
// snapshot of the topology: take it once per command and answer everything from it.
//
//   if (view.enabled() && !view.IsMine(slot)) {
//     const TopologyPtr topology = view.topology();
//     if (const Node* owner = topology->OwnerOf(slot)) reply.Moved(slot, owner->host, owner->port);
//   }
//
// Every method is callable from any thread. A slot's byte and the snapshot change one after the
// other, not together: a reader may see one new and one old, as if it had asked a moment apart.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

// What this node knows of the bus between itself and one peer.
struct PeerLink {
  NodeId id;
  bool connected = false;         // The last ping was answered.
  bool failed = false;            // Silent for longer than the node timeout.
  UnixMillis since = 0;           // When `connected` last changed.
  UnixMillis ping_sent = 0;       // Of the oldest ping without an answer; 0 if none waits.
  UnixMillis pong_received = 0;   // 0 if never.
  uint64_t topology_version = 0;  // As the peer last told.
  Epoch epoch = 0;
  bool agrees = true;         // Its topology's fingerprint is ours.
  uint64_t unsent_bytes = 0;  // Of messages that wait for the peer.
  std::string error = {};     // Why the last ping failed; empty if it did not.
};

// Counted since the start.
struct BusStats {
  uint64_t pings_sent = 0;
  uint64_t pings_received = 0;
  uint64_t pongs_sent = 0;
  uint64_t pongs_received = 0;
  uint64_t pings_failed = 0;
  // Messages that clients published, each peer's by itself.
  uint64_t publishes_sent = 0;
  uint64_t publishes_received = 0;
  uint64_t publishes_dropped = 0;  // For a peer that reads too slowly or went.
  uint64_t links_overflowed = 0;   // How often a peer came to be too slow.
  uint64_t unsent_bytes = 0;       // Now.
  uint64_t followers = 0;          // Peers that hear what is published here, now.
  uint64_t following = 0;          // Peers that this node hears.
};

enum class ClusterHealth : uint8_t { kOk, kFail };

class ClusterView {
 public:
  virtual ~ClusterView() = default;
  ClusterView(const ClusterView&) = delete;
  ClusterView& operator=(const ClusterView&) = delete;

  // Whether this node runs in cluster mode; fixed at the start.
  bool enabled() const { return enabled_; }

  // Whether this node serves the slot; without cluster mode it serves all. The hot path.
  bool IsMine(Slot slot) const { return mine_[slot].load(std::memory_order_relaxed) != 0; }

  // CLUSTER INFO's cluster_state; kFail answers CLUSTERDOWN.
  ClusterHealth health() const { return health_.load(std::memory_order_relaxed); }

  virtual const NodeId& my_id() const = 0;

  virtual TopologyPtr topology() const = 0;  // Never null.

  // The node is alive as long as the pointer is held; null if nobody owns the slot.
  std::shared_ptr<const Node> OwnerOf(Slot slot) const {
    TopologyPtr current = topology();
    const Node* owner = current->OwnerOf(slot);
    return owner == nullptr ? nullptr : std::shared_ptr<const Node>(std::move(current), owner);
  }

  // Peers only, sorted by id.
  virtual std::vector<PeerLink> Links() const = 0;

  virtual BusStats bus_stats() const = 0;

  // Changes the topology (CLUSTER ADDSLOTS and the like); the status is Apply's. Until there is a
  // coordinator the change is this node's alone: peers see it only as PeerLink::agrees turning
  // false.
  virtual absl::Status Propose(const Change& change) = 0;

 protected:
  explicit ClusterView(bool enabled) : enabled_(enabled) {}

  void SetMine(Slot slot, bool mine) { mine_[slot].store(mine ? 1 : 0, std::memory_order_relaxed); }
  void SetHealth(ClusterHealth health) { health_.store(health, std::memory_order_relaxed); }

 private:
  const bool enabled_;
  std::atomic<ClusterHealth> health_{ClusterHealth::kFail};
  std::array<std::atomic<uint8_t>, kSlots> mine_{};
};

}  // namespace henge::cluster
