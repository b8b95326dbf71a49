// SPDX-License-Identifier: Apache-2.0
// SlotExports: the migrations of slots that this node gives, one after the other on a thread of its
// own; and what commands are told of all of them.
//
// The thread also looks for migrations that the cluster knows and this node, which leads their
// source, does not: it was restarted meanwhile. They are cancelled.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/slot_migrations.h"

namespace henge::server {

class Node;
class SlotExport;

class SlotExports final : public cluster::SlotMigrations {
 public:
  explicit SlotExports(Node& node) : node_(node) {}
  ~SlotExports() override;  // Stops.

  void Begin();  // In cluster mode, once the workers are there.
  // What is under way ends as failed. REQUIRES: the workers are still at work.
  void Stop();

  std::string Start(std::vector<cluster::SlotOrder> orders) override;
  void CancelAll() override;
  std::vector<cluster::SlotMigrationReport> Report() const override;
  cluster::SlotMigrationCounts counts() const override;
  cluster::SlotMigrationReport UnderWay() const override;

 private:
  using Job = std::shared_ptr<SlotExport>;
  static constexpr size_t kRemembered = 32;
  static constexpr size_t kMostActive = 128;

  void Run();
  Job Next() const;
  void CancelStrays();
  void AwaitBarrier();
  std::string Judge(const cluster::Topology& topology, const cluster::SlotOrder& order) const;
  void Note(const cluster::SlotMigrationReport& report, size_t slots);

  Node& node_;
  std::atomic<bool> stop_{false};
  bool up_to_date_ = false;  // The thread's: since the start the topology was.
  mutable std::mutex mu_;    // Of all below.
  std::condition_variable asked_;
  std::deque<Job> jobs_;  // The newest first; those that are over, too.
  cluster::SlotMigrationCounts counts_;
  std::thread thread_;
};

}  // namespace henge::server
