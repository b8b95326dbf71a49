// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_imports.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/slots/slot_intake.h"
#include "server/slots/slot_sweeper.h"

namespace henge::server {
namespace {

using cluster::SlotMigrationState;
using cluster::SlotTransferOpening;
using cluster::SlotTransferStream;

constexpr int64_t kTopologyMs = 5000;  // Until this node must have heard of a migration.
constexpr int64_t kFollowersMs = 200;  // Those that no reply would wait for.
constexpr uint64_t kTellEvery = 256 * 1024;
constexpr auto kPause = std::chrono::milliseconds(2);
constexpr auto kSafePause = std::chrono::microseconds(200);

bool Ended(SlotMigrationState state) { return state >= SlotMigrationState::kSuccess; }

}  // namespace

absl::Status SlotImports::OnTransfer(const SlotTransferOpening& opening,
                                     SlotTransferStream& stream) {
  const ThreadMemory memory;
  cluster::Migration migration;
  if (absl::Status status = Judge(opening, stream, migration); !status.ok()) return status;
  const auto report = NewReport(migration, opening);
  LogNotice("Slots are coming", {{"migration", migration.id}, {"from", opening.source.str()}});
  const absl::Status status = Take(opening, stream, migration, report);
  // The source may have heard of the end before this node does.
  const int64_t until = SystemClock().MonotonicMicros() + kTopologyMs * 1000;
  while (status.ok() && Stands(migration.id) && SystemClock().MonotonicMicros() < until &&
         !node_.stopping()) {
    std::this_thread::sleep_for(kPause);
  }
  End(report, status);
  return status;
}

absl::Status SlotImports::Judge(const SlotTransferOpening& opening, SlotTransferStream& stream,
                                cluster::Migration& migration) const {
  cluster::ClusterView* view = node_.cluster();
  if (view == nullptr) return absl::FailedPreconditionError("the target is no cluster's");
  const int64_t until = SystemClock().MonotonicMicros() + kTopologyMs * 1000;
  while (view->topology()->version() < opening.topology) {
    if (stream.IsOver() || SystemClock().MonotonicMicros() > until) {
      return absl::UnavailableError("the target has not heard of the migration");
    }
    std::this_thread::sleep_for(kPause);
  }
  const cluster::TopologyPtr topology = view->topology();
  const cluster::Migration* found = topology->FindMigration(opening.migration);
  if (found == nullptr) return absl::NotFoundError("the migration is over");
  const cluster::Group* from = topology->FindGroup(found->from);
  const cluster::Group* to = topology->FindGroup(found->to);
  if (from->leader != opening.source)
    return absl::PermissionDeniedError("the source does not lead");
  if (to->leader != view->my_id() || node_.replication().part() != GroupPart::kLeads) {
    return absl::FailedPreconditionError("the target does not lead");
  }
  migration = *found;
  return absl::OkStatus();
}

bool SlotImports::Stands(const std::string& migration) const {
  return node_.cluster()->topology()->FindMigration(migration) != nullptr;
}

// A worker that is alone looks at tables without a lock, unless slots are hidden: in the round that
// follows it knows.
void SlotImports::AwaitWorkers() {
  auto left = std::make_shared<std::atomic<size_t>>(node_.workers().size());
  for (const auto& worker : node_.workers()) {
    worker->Post([left] {
      left->fetch_sub(1);
      left->notify_all();
    });
  }
  while (const size_t busy = left->load()) left->wait(busy);
}

absl::Status SlotImports::Take(const SlotTransferOpening& opening, SlotTransferStream& stream,
                               const cluster::Migration& migration, Reports::iterator report) {
  const cluster::SlotBits slots = cluster::BitsOf(migration.slots);
  const auto given_up = [&] { return stream.IsOver() || !Stands(migration.id); };
  if (absl::Status status = node_.slot_sweeper().Note(slots); !status.ok()) return status;
  if (!node_.slot_sweeper().Empty(slots, given_up)) return absl::CancelledError("it was given up");
  AwaitWorkers();
  SlotIntake intake(node_, slots, migration.id);
  absl::Status status = absl::UnavailableError("the source has gone");
  if (stream.SayReady()) status = Receive(stream, opening.migration, intake, report);
  return status;
}

absl::Status SlotImports::Receive(SlotTransferStream& stream, const std::string& migration,
                                  SlotIntake& intake, Reports::iterator report) {
  uint64_t taken = 0;
  uint64_t told = 0;
  Note(report, SlotMigrationState::kStreaming, 0);
  while (const auto said = stream.Read()) {
    if (!Stands(migration)) return absl::CancelledError("the migration is over");
    absl::Status status;
    if (said->settle) {
      status = AwaitSafe(intake, stream);
      if (status.ok() && !stream.SaySettled()) break;
    } else {
      status = intake.Take(said->records);
      taken += said->records.size();
      received_.fetch_add(said->records.size(), std::memory_order_relaxed);
    }
    if (!status.ok()) return status;
    if (said->settle || taken - told >= kTellEvery) {
      told = taken;
      Note(report, SlotMigrationState::kStreaming, taken);
      if (!stream.SayApplied(taken)) break;
    }
  }
  return absl::OkStatus();
}

// As safe as a write that a client of this node is told of; and, as far as that takes no time, with
// those who follow.
absl::Status SlotImports::AwaitSafe(const SlotIntake& intake,
                                    const SlotTransferStream& stream) const {
  if (absl::Status status = intake.Check(); !status.ok()) return status;
  Replication& replication = node_.replication();
  const persistence::CommitGate& gate = node_.journaling().gate();
  Acknowledgements& followers = replication.acknowledgements();
  const Lsn lsn = intake.lsn();
  if (followers.holds_replies()) followers.Want(lsn);
  const int64_t began = SystemClock().MonotonicMicros();
  const auto safe = [&] {
    if (node_.journaling().holds_replies() && gate.at(persistence::CommitMark::kDurable) < lsn) {
      return false;
    }
    if (followers.holds_replies()) return gate.at(persistence::CommitMark::kReplicated) >= lsn;
    const bool patient = SystemClock().MonotonicMicros() - began < kFollowersMs * 1000;
    return !patient || followers.Count(lsn, false) >= static_cast<int64_t>(replication.followers());
  };
  while (!safe()) {
    if (stream.IsOver()) return absl::CancelledError("the source has gone");
    std::this_thread::sleep_for(kSafePause);
  }
  if (replication.part() != GroupPart::kLeads ||
      !replication.lease().Holds(SystemClock().MonotonicMicros())) {
    return absl::AbortedError("the target leads no more");
  }
  return intake.Check();
}

// --- What is told --------------------------------------------------------------------------------

SlotImports::Reports::iterator SlotImports::NewReport(const cluster::Migration& migration,
                                                      const SlotTransferOpening& opening) {
  const UnixMillis now = SystemClock().NowMillis();
  const std::lock_guard lock(mu_);
  ++active_;
  reports_.push_front({.name = migration.id,
                       .imports = true,
                       .slots = migration.slots,
                       .source = opening.source,
                       .target = node_.cluster()->my_id(),
                       .created = now,
                       .updated = now,
                       .acknowledged = now,
                       .state = SlotMigrationState::kPreparing});
  for (auto old = std::prev(reports_.end()); reports_.size() > kRemembered && Ended(old->state);) {
    old = std::prev(reports_.erase(old));
  }
  return reports_.begin();
}

void SlotImports::Note(Reports::iterator report, SlotMigrationState state, uint64_t bytes) {
  const std::lock_guard lock(mu_);
  report->updated = report->acknowledged = SystemClock().NowMillis();
  report->state = state;
  report->sent_bytes = bytes;
}

// The source ends the stream when it knows; what this node has heard of the topology may be older.
void SlotImports::End(Reports::iterator report, const absl::Status& status) {
  const cluster::TopologyPtr topology = node_.cluster()->topology();
  const bool mine = std::all_of(report->slots.begin(), report->slots.end(), [&](const auto& range) {
    const cluster::Node* owner = topology->OwnerOf(range.first);
    return owner != nullptr && owner->id == report->target;
  });
  const std::lock_guard lock(mu_);
  --active_;
  report->updated = SystemClock().NowMillis();
  report->state = mine ? SlotMigrationState::kSuccess : SlotMigrationState::kFailed;
  if (!mine) {
    report->message = status.ok() ? "The source ended it" : std::string(Std(status.message()));
  }
  LogNotice(mine ? "Slots have come" : "Slots have not come",
            {{"migration", report->name}, {"bytes", report->sent_bytes}, {"why", report->message}});
}

std::vector<cluster::SlotMigrationReport> SlotImports::Report() const {
  const std::lock_guard lock(mu_);
  return {reports_.begin(), reports_.end()};
}

size_t SlotImports::active() const {
  const std::lock_guard lock(mu_);
  return active_;
}

}  // namespace henge::server
