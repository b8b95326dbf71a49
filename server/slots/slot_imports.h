// SPDX-License-Identifier: Apache-2.0
// SlotImports: the target's part in migrations of slots: takes what sources send, each on a thread
// of gRPC's, after the slots are empty here, and says when it is safe.
//
//   opening ── does the topology know it, do I lead? ── slots emptied ── ready
//   records ── SlotIntake ──> store and journal          settle ── as safe as a reply ── settled
//
// What becomes of the keys is the topology's to say, and the sweeper's to do: a migration that ends
// without its slots coming here leaves nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <vector>

#include "cluster/slot_migrations.h"
#include "cluster/slots/slot_receiver.h"

namespace henge::server {

class Node;
class SlotIntake;

class SlotImports final : public cluster::SlotReceiver {
 public:
  explicit SlotImports(Node& node) : node_(node) {}

  absl::Status OnTransfer(const cluster::SlotTransferOpening& opening,
                          cluster::SlotTransferStream& stream) override;

  // The newest first. Any thread.
  std::vector<cluster::SlotMigrationReport> Report() const;
  size_t active() const;
  uint64_t received_bytes() const { return received_.load(std::memory_order_relaxed); }

 private:
  using Reports = std::list<cluster::SlotMigrationReport>;
  static constexpr size_t kRemembered = 32;

  absl::Status Judge(const cluster::SlotTransferOpening& opening,
                     cluster::SlotTransferStream& stream, cluster::Migration& migration) const;
  absl::Status Take(const cluster::SlotTransferOpening& opening,
                    cluster::SlotTransferStream& stream, const cluster::Migration& migration,
                    Reports::iterator report);
  absl::Status Receive(cluster::SlotTransferStream& stream, const std::string& migration,
                       SlotIntake& intake, Reports::iterator report);
  absl::Status AwaitSafe(const SlotIntake& intake, const cluster::SlotTransferStream& stream) const;
  bool Stands(const std::string& migration) const;
  void AwaitWorkers();
  Reports::iterator NewReport(const cluster::Migration& migration,
                              const cluster::SlotTransferOpening& opening);
  void Note(Reports::iterator report, cluster::SlotMigrationState state, uint64_t bytes);
  void End(Reports::iterator report, const absl::Status& status);

  Node& node_;
  std::atomic<uint64_t> received_{0};
  mutable std::mutex mu_;  // Of all below; a leaf.
  Reports reports_;
  size_t active_ = 0;
};

}  // namespace henge::server
