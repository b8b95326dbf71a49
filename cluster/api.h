// SPDX-License-Identifier: Apache-2.0
// The face of the cluster that commands see.
//
// The one question asked for every command, "is this slot mine and at rest?", is a relaxed load of
// a byte from a table of 16 KiB that the view keeps current. All else goes through an immutable
// snapshot of the topology: take it once per command and answer everything from it.
//
//   if (view.enabled() && !view.IsSettled(slot)) {
//     const TopologyPtr topology = view.topology();
//     if (const Node* owner = topology->OwnerOf(slot)) reply.Moved(slot, owner->host, owner->port);
//   }
//
// Every method is callable from any thread. A slot's byte and the snapshot change one after the
// other, not together: a reader may see one new and one old, as if it had asked a moment apart.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/types.h"
#include "cluster/endpoint.h"
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
  uint64_t offset = 0;        // Of its data's history; 0: it did not tell.
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

enum class FailoverMode : uint8_t { kPlain, kForce, kTakeover };

class SlotMigrations;  // cluster/slot_migrations.h

// What operators may ask of a cluster. Each is begun by the call, which does not wait; `done` is
// told what became of it, within the call or later on another thread, once. When it is OK, the
// view's topology() shows what was asked for. Any thread, without a lock that `done` could need.
class ClusterOperations {
 public:
  virtual ~ClusterOperations() = default;

  virtual void Propose(Change change, ProposalDone done) = 0;
  // MEET: this node's cluster and the one of the node at that address become one.
  virtual void Meet(std::string host, uint16_t port, uint16_t bus_port, ProposalDone done) = 0;
  // FORGET: the node is no member any more, nor a voter.
  virtual void Forget(const NodeId& node, ProposalDone done) {
    Propose(RemoveNode{node}, std::move(done));
  }
  // RESET: this node leaves, as a cluster of its own without slots; `hard`: under a new id and
  // without an epoch.
  virtual void Reset(bool hard, ProposalDone done) = 0;
  // FAILOVER: this node, a follower, is to lead its group. Done when that has begun.
  virtual void Failover(FailoverMode mode, ProposalDone done) = 0;
};

class ClusterView : public ClusterOperations {
 public:
  ClusterView(const ClusterView&) = delete;
  ClusterView& operator=(const ClusterView&) = delete;

  // Whether this node runs in cluster mode; fixed at the start.
  bool enabled() const { return enabled_; }

  // Whether this node serves the slot; without cluster mode it serves all.
  bool IsMine(Slot slot) const { return (Part(slot) & kMine) != 0; }
  // Whether it serves all of the slot's keys: none is on its way to another. The hot path.
  bool IsSettled(Slot slot) const { return Part(slot) == kMine; }
  // Whether it follows the group that owns the slot: it may serve reads.
  bool IsFollowed(Slot slot) const { return (Part(slot) & kFollowed) != 0; }
  // The same, and none of the slot's keys is on its way to another.
  bool IsFollowedAtRest(Slot slot) const { return Part(slot) == kFollowed; }

  // CLUSTER INFO's cluster_state; kFail answers CLUSTERDOWN.
  ClusterHealth health() const { return health_.load(std::memory_order_relaxed); }

  // What clients are told to connect to.
  EndpointType endpoint_type() const { return endpoint_type_.load(std::memory_order_relaxed); }
  void SetEndpointType(EndpointType type) { endpoint_type_.store(type); }

  virtual NodeId my_id() const = 0;  // Another one after RESET HARD.

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

  // Who moves slots at once; null: nobody can.
  SlotMigrations* slot_migrations() const { return slot_migrations_.load(); }
  void Use(SlotMigrations& migrations) { slot_migrations_.store(&migrations); }

  // Whether operations are done within the call: there is nobody to agree with.
  virtual bool DecidesAlone() const = 0;

  // Whether that node was a member a minute ago or less, and is none now.
  virtual bool WasForgotten(const NodeId& node) const = 0;

 protected:
  // This node's part in a slot.
  enum SlotPart : uint8_t {
    kMine = 1,
    kOpen = 2,      // Marked: migrating from this node's group, or imported by it.
    kFollowed = 4,  // Of a group that it follows.
  };

  explicit ClusterView(bool enabled) : enabled_(enabled) {}

  uint8_t Part(Slot slot) const { return parts_[slot].load(std::memory_order_relaxed); }
  void SetPart(Slot slot, uint8_t part) { parts_[slot].store(part, std::memory_order_relaxed); }
  void SetHealth(ClusterHealth health) { health_.store(health, std::memory_order_relaxed); }

 private:
  const bool enabled_;
  std::atomic<ClusterHealth> health_{ClusterHealth::kFail};
  std::atomic<EndpointType> endpoint_type_{EndpointType::kIp};
  std::atomic<SlotMigrations*> slot_migrations_{nullptr};
  std::array<std::atomic<uint8_t>, kSlots> parts_{};
};

}  // namespace henge::cluster
