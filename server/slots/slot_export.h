// SPDX-License-Identifier: Apache-2.0
// SlotExport: one migration, from the moment that the cluster is told of it until it knows who owns
// the slots. The source's part; the exports' thread runs it from the first step to the last.
//
//   StartMigration ── open ── snapshot at LSN x ── the slots' records from x on ── nearly all sent:
//   pause the slots' writers ── the last records ── settled ── pause its readers ── MoveSlots
//                                                                     └─ resume; clients: MOVED
//
// What an acknowledged write left is at the target, as safe as it was here, before MoveSlots is
// proposed; and nobody is answered for these slots from then until the outcome is known. Whatever
// fails before ends in CancelMigration, and everything stays as it was.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "cluster/slot_migrations.h"
#include "cluster/slots/slot_fate.h"
#include "cluster/slots/slot_sender.h"
#include "cluster/topology/change.h"
#include "persistence/journal/journal_reader.h"
#include "server/persistence/progress_log.h"
#include "server/slots/slot_filter.h"

namespace henge::persistence {
class Cancellation;
class Snapshot;
}  // namespace henge::persistence

namespace henge::server {

class Node;

class SlotExport {
 public:
  SlotExport(Node& node, const cluster::SlotOrder& order);

  // The exports' thread.
  void Run();

  // Any thread.
  void Cancel();
  cluster::SlotMigrationReport Report() const;
  bool over() const;
  const cluster::SlotBits& slots() const { return slots_; }

 private:
  using State = cluster::SlotMigrationState;
  class Sink;

  absl::Status Move();
  absl::Status Announce();
  absl::Status Open();
  absl::Status SendSnapshot();
  absl::Status WriteSnapshot(const std::shared_ptr<persistence::Cancellation>& cancellation);
  absl::Status Follow();
  absl::Status SendRecords(Lsn until);
  bool IsNear() const;
  void SayHowFar();
  // kUnavailable: not this time.
  absl::Status HandOver();
  absl::Status StopWriters(Lsn& end);
  absl::Status SettleAll(Lsn end);
  void CancelAtCluster();
  absl::Status MayGoOn() const;
  void Enter(State state);
  void End(const absl::Status& status);

  Node& node_;
  const cluster::SlotBits slots_;
  std::atomic<bool> cancelled_{false};
  bool announced_ = false;
  cluster::MoveSlots move_;  // What is proposed at the end.
  std::unique_ptr<persistence::JournalReader> reader_;
  SlotFilter filter_;
  std::string out_;
  ProgressPace pace_;

  mutable std::mutex mu_;  // Of all below.
  std::shared_ptr<cluster::SlotSender> sender_;
  cluster::SlotMigrationReport report_;
  uint64_t remaining_ = 0;
  const persistence::Snapshot* snapshot_ = nullptr;  // While it is written.
};

}  // namespace henge::server
