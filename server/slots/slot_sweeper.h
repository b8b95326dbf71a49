// SPDX-License-Identifier: Apache-2.0
// SlotSweeper: deletes keys of slots that went to another group, or that a migration brought and
// that did not come to stay; and hides keys that nobody may see yet or any more.
//
//   topology changes ──> which slots are doomed, which hidden (cluster/slots/slot_fate.h)
//   first worker ── each step some keys of one doomed slot, deleted and journaled as DEL ──> empty
//
// All nodes of a group know what is doomed; the one that leads and has its lease deletes, the
// others see it in the stream. Whoever comes to lead goes on. A follower that finds a slot empty
// shows it again, but the stream may yet bring keys that its leader took before it knew: so it
// remembers the slot as suspect, and looks at it once more if it comes to lead. Any thread, unless
// a method says so.
//
// A node that is restarted has its keys again, and maybe a topology of long ago. So slots are noted
// in a file before keys of theirs come or go, by followers soon after; and nothing is deleted
// before the topology is known to be up to date, once since the start.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cluster/slots/slot_fate.h"
#include "server/cluster/home_watch.h"

namespace henge::server {

class Node;

class SlotSweeper {
 public:
  explicit SlotSweeper(Node& node) : node_(node) {}

  // In the order of versions. `anew`: the first of a cluster.
  void OnTopology(const cluster::Topology& topology, const cluster::NodeId& me, bool anew);

  // Before the first topology: what was noted.
  void Recall();
  // The topology is up to date.
  void Confirm();
  // Keys of these slots may come to be nobody's: to be remembered over a crash.
  absl::Status Note(const cluster::SlotBits& slots);
  // Makes the notes what they must be. REQUIRES: no slots were noted of which the topology does not
  // know yet. Not for workers.
  void ReviewNotes();

  // Deletes whatever these slots hold, and returns when they are empty; false if `given_up` said so
  // meanwhile. REQUIRES: they are another group's. Not for workers.
  bool Empty(const cluster::SlotBits& slots, const std::function<bool()>& given_up);

  // Each 100 ms, on the first worker. A group whose last slot went may go, too (HomeWatch).
  void Tick();

  uint64_t dropped_keys() const { return dropped_.load(std::memory_order_relaxed); }
  bool idle() const;

 private:
  void Hide();
  void TakeUp();
  void Done(Slot slot);
  bool Leads() const;
  absl::Status WriteNotes();
  void Begin();  // Posts the first step.
  void Step();   // The first worker's.
  std::optional<Slot> Next();
  bool MayDelete() const;
  std::vector<std::string> SomeKeys(Slot slot) const;
  void Delete(Slot slot, const std::vector<std::string>& names);

  Node& node_;
  HomeWatch homes_{node_};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> stepping_{false};
  std::atomic<bool> confirmed_{false};
  mutable std::mutex mu_;  // Of all below; a leaf.
  std::condition_variable emptied_;
  cluster::SlotsOfNode now_;
  cluster::SlotBits doomed_;
  cluster::SlotBits suspect_;  // Doomed, and found empty by a follower.
  cluster::SlotBits hidden_;
  cluster::SlotBits wanted_empty_;  // Whatever the topology says: they come.
  size_t at_ = 0;
  std::mutex noting_;  // Of the file; before mu_.
  cluster::SlotBits noted_;
};

}  // namespace henge::server
