// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_export.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "persistence/aof/command_base.h"
#include "persistence/rdb/rdb_format.h"
#include "persistence/snapshot/cancellation.h"
#include "persistence/snapshot/snapshot.h"
#include "server/node.h"
#include "server/slots/slot_pause.h"
#include "server/slots/slot_sweeper.h"

namespace henge::server {
namespace {

using cluster::SlotMigrationState;

constexpr auto kSaverPause = std::chrono::milliseconds(20);
constexpr uint64_t kMostRead = 1 << 20;
// When so much is left, on its way or in the journal, writers may wait for it.
constexpr uint64_t kNear = 128 * 1024;
constexpr int64_t kBarrierMs = 1000;  // For the workers' present round.
constexpr int64_t kSettleMs = 1000;   // For the target; then writers go on, and it is tried again.
constexpr int kTries = 10;

}  // namespace

// The snapshot as commands, to the target.
class SlotExport::Sink final : public persistence::ByteSink {
 public:
  explicit Sink(SlotExport& job) : job_(job) {}
  absl::Status Append(std::string_view bytes) override {
    if (absl::Status status = job_.MayGoOn(); !status.ok()) return status;
    return job_.sender_->Send(bytes);
  }

 private:
  SlotExport& job_;
};

SlotExport::SlotExport(Node& node, const cluster::SlotOrder& order)
    : node_(node), slots_(cluster::BitsOf(order.slots)), filter_(slots_) {
  report_.name = RandomHex(cluster::NodeId::kLength);
  report_.slots = cluster::RangesOf(slots_);
  report_.source = node.cluster()->my_id();
  report_.target = order.target;
  report_.created = report_.updated = SystemClock().NowMillis();
}

void SlotExport::Cancel() {
  const std::lock_guard lock(mu_);
  // Who asks the cluster waits for its answer.
  if (report_.state >= State::kHandingOver) return;
  cancelled_.store(true);
  if (sender_ != nullptr) sender_->Cancel();
}

bool SlotExport::over() const {
  const std::lock_guard lock(mu_);
  return report_.state >= State::kSuccess;
}

cluster::SlotMigrationReport SlotExport::Report() const {
  const std::lock_guard lock(mu_);
  cluster::SlotMigrationReport report = report_;
  report.remaining_bytes = remaining_;
  if (snapshot_ != nullptr) {
    const persistence::SnapshotProgress progress = snapshot_->progress();
    report.keys = progress.keys;
    report.walked_keys = progress.saved;
  }
  if (sender_ != nullptr) {
    report.sent_bytes = sender_->sent_bytes();
    report.acknowledged = sender_->heard_at();
  }
  return report;
}

// Of work that takes seconds.
void SlotExport::SayHowFar() {
  const cluster::SlotMigrationReport report = Report();
  const auto percent = pace_.Next(SystemClock().NowMillis(), report.walked_keys, report.keys);
  if (!percent) return;
  LogNotice("A migration of slots goes on", {{"migration", report.name},
                                             {"percent", *percent},
                                             {"keys", report.walked_keys},
                                             {"of", report.keys},
                                             {"bytes", report.sent_bytes},
                                             {"remaining_bytes", report.remaining_bytes}});
}

void SlotExport::Enter(State state) {
  const std::lock_guard lock(mu_);
  report_.state = state;
  report_.updated = SystemClock().NowMillis();
}

absl::Status SlotExport::MayGoOn() const {
  if (cancelled_.load() || node_.stopping()) return absl::CancelledError("cancelled");
  if (node_.replication().part() != GroupPart::kLeads) {
    return absl::AbortedError("this node leads no more");
  }
  const cluster::TopologyPtr topology = node_.cluster()->topology();
  if (announced_ && topology->FindMigration(move_.migration) == nullptr) {
    return absl::AbortedError("the cluster ended the migration: the leader of one side changed");
  }
  return absl::OkStatus();
}

void SlotExport::Run() {
  const absl::Status status = cancelled_.load() ? absl::CancelledError("cancelled") : Move();
  reader_.reset();
  if (!status.ok() && announced_) CancelAtCluster();
  End(status);
}

void SlotExport::End(const absl::Status& status) {
  const bool cancelled = cancelled_.load() && !status.ok();
  const std::lock_guard lock(mu_);
  if (sender_ != nullptr) {
    report_.sent_bytes = sender_->sent_bytes();
    report_.acknowledged = sender_->heard_at();
    sender_ = nullptr;
  }
  remaining_ = 0;
  report_.updated = SystemClock().NowMillis();
  report_.state = status.ok() ? State::kSuccess : cancelled ? State::kCancelled : State::kFailed;
  if (!status.ok() && !cancelled) report_.message = Std(status.message());
  LogNotice(status.ok() ? "Slots are given away" : "Slots stay",
            {{"migration", report_.name},
             {"to", report_.target.str()},
             {"slots", slots_.count()},
             {"bytes", report_.sent_bytes},
             {"ms", report_.updated - report_.created},
             {"pause_us", report_.pause_micros},
             {"why", cancelled ? "cancelled" : report_.message}});
}

absl::Status SlotExport::Move() {
  absl::Status status = Announce();
  if (status.ok()) status = Open();
  if (status.ok()) status = SendSnapshot();
  for (int tries = 0; status.ok(); ++tries) {
    status = Follow();
    if (!status.ok()) break;
    status = HandOver();
    if (status.ok() || !absl::IsUnavailable(status) || tries == kTries) return status;
    Enter(State::kStreaming);
    status = absl::OkStatus();
  }
  return status;
}

// --- Preparing -----------------------------------------------------------------------------------

absl::Status SlotExport::Announce() {
  Enter(State::kPreparing);
  cluster::ClusterView& view = *node_.cluster();
  const cluster::TopologyPtr topology = view.topology();
  const auto first = static_cast<Slot>(report_.slots.front().first);
  const cluster::GroupIndex from = topology->GroupOfSlot(first);
  const cluster::NodeIndex target = topology->IndexOf(report_.target);
  if (from == cluster::kNoGroup || topology->OwnerOf(first) == nullptr ||
      topology->OwnerOf(first)->id != report_.source) {
    return absl::FailedPreconditionError("the slots are not this node's any more");
  }
  if (target == cluster::kNoNode || topology->GroupsLedBy(target).empty()) {
    return absl::FailedPreconditionError("the target leads nothing any more");
  }
  const cluster::Group& source_group = topology->groups()[from];
  const cluster::Group& target_group = topology->groups()[topology->GroupsLedBy(target).front()];
  move_ = {.from = source_group.id,
           .to = target_group.id,
           .slots = report_.slots,
           .from_epoch = source_group.epoch,
           .to_epoch = target_group.epoch,
           .migration = report_.name};
  if (absl::Status noted = node_.slot_sweeper().Note(slots_); !noted.ok()) return noted;
  const absl::Status status =
      node_.member()->ProposeUntilKnown(cluster::StartMigration{.migration = {.id = move_.migration,
                                                                              .from = move_.from,
                                                                              .to = move_.to,
                                                                              .slots = move_.slots},
                                                                .from_epoch = move_.from_epoch,
                                                                .to_epoch = move_.to_epoch},
                                        [this] { return !MayGoOn().ok(); });
  announced_ = status.ok() || absl::IsDeadlineExceeded(status);
  return status;
}

void SlotExport::CancelAtCluster() {
  node_.member()
      ->ProposeUntilKnown(
          cluster::CancelMigration{.id = move_.migration},
          [this] { return node_.stopping() || node_.replication().part() != GroupPart::kLeads; })
      .IgnoreError();  // The exports look for what is left.
}

absl::Status SlotExport::Open() {
  const cluster::TopologyPtr topology = node_.cluster()->topology();
  const cluster::Node* target = topology->Find(report_.target);
  if (target == nullptr) return absl::FailedPreconditionError("the target was forgotten");
  auto sender = std::make_shared<cluster::SlotSender>(
      cluster::PeerAddress{target->id, target->host, target->bus_port});
  {
    const std::lock_guard lock(mu_);
    sender_ = sender;
  }
  if (absl::Status status = MayGoOn(); !status.ok()) return status;
  return sender->Open(move_.migration, report_.source, topology->version());
}

// --- The snapshot --------------------------------------------------------------------------------

// One snapshot at a time: a save, a rewrite or a full sync may be under way.
absl::Status SlotExport::SendSnapshot() {
  Enter(State::kSnapshot);
  const auto written = std::make_shared<std::promise<absl::Status>>();
  const auto cancellation = std::make_shared<persistence::Cancellation>();
  const auto job = [this, written, cancellation] {
    written->set_value(WriteSnapshot(cancellation));
  };
  while (!node_.saver().StartOther(job)) {
    if (absl::Status status = MayGoOn(); !status.ok()) return status;
    std::this_thread::sleep_for(kSaverPause);
  }
  std::future<absl::Status> outcome = written->get_future();
  while (outcome.wait_for(kSaverPause) != std::future_status::ready) {
    if (!MayGoOn().ok()) cancellation->Cancel();
    SayHowFar();
  }
  const absl::Status status = MayGoOn();
  const absl::Status sent = outcome.get();
  return status.ok() ? sent : status;
}

absl::Status SlotExport::WriteSnapshot(
    const std::shared_ptr<persistence::Cancellation>& cancellation) {
  persistence::SnapshotOptions options = node_.saver().SnapshotOptions(/*aof_base=*/true);
  options.rdb.version = persistence::kRdbNewestVersion;
  options.rdb.compress = false;
  options.checksum = false;
  options.moment_aux = nullptr;
  options.libraries = nullptr;
  options.cancellation = cancellation;
  options.slots = std::make_shared<cluster::SlotBits>(slots_);
  persistence::Snapshot snapshot(node_.store(), std::move(options));
  const uint64_t limit = node_.limits().replica_output.hard.load(std::memory_order_relaxed);
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    SyncSource::Position position;  // Somebody reads the journal: it is written from here on.
    node_.replication().BeginSync(position);
    reader_ =
        node_.journaling().journal().AttachAtEnd({.hold_bytes = limit == 0 ? ~uint64_t{0} : limit});
    snapshot.Begin(SystemClock().NowMillis());
  }
  Sink sink(*this);
  persistence::CommandBase commands(sink, node_.store().settings().encodings, std::nullopt);
  const auto show = [this](const persistence::Snapshot* shown) {
    const std::lock_guard lock(mu_);
    snapshot_ = shown;
  };
  show(&snapshot);
  const absl::Status status = snapshot.Write(commands);
  show(nullptr);
  return status.ok() ? commands.Finish() : status;
}

// --- What has changed since ----------------------------------------------------------------------

// Sends what the journal has, up to there. All of it at most.
absl::Status SlotExport::SendRecords(Lsn until) {
  while (true) {
    if (absl::Status status = MayGoOn(); !status.ok()) return status;
    const persistence::JournalBatch& batch = reader_->Read(kMostRead, until);
    if (batch.lost()) {
      return absl::ResourceExhaustedError(
          "the target is slower than writers here, by more than client-output-buffer-limit allows "
          "replicas");
    }
    if (batch.empty()) return absl::OkStatus();
    out_.clear();
    for (const persistence::Slice& slice : batch.slices()) {
      for (uint32_t i = 0; i < slice.size(); ++i) {
        const persistence::Record record = slice.record(i);
        if (absl::Status status = filter_.Add(record.tag, record.bytes, out_); !status.ok()) {
          return status;
        }
      }
    }
    reader_->Release(batch.end());
    reader_->DropBatch();
    {
      const std::lock_guard lock(mu_);
      remaining_ = node_.journaling().journal().end() - reader_->cursor();
    }
    if (absl::Status status = sender_->Send(out_); !status.ok()) return status;
  }
}

bool SlotExport::IsNear() const {
  const uint64_t unread = node_.journaling().journal().end() - reader_->cursor();
  return unread + (sender_->sent_bytes() - sender_->applied_bytes()) < kNear;
}

// Until writers may wait for the rest. The target is asked to say when it has all, as it tells of
// large amounts only.
absl::Status SlotExport::Follow() {
  Enter(State::kStreaming);
  while (true) {
    if (absl::Status status = SendRecords(node_.journaling().journal().end()); !status.ok()) {
      return status;
    }
    if (IsNear()) return absl::OkStatus();
    SayHowFar();
    const absl::Status settled = sender_->Settle(kSettleMs);
    if (!settled.ok() && !absl::IsDeadlineExceeded(settled)) return settled;
  }
}

// --- The hand-over -------------------------------------------------------------------------------

// Between two rounds: the writes of the last are over, those of the next meet the gate. A script
// may still hold locks; then nothing is known before it has let go.
absl::Status SlotExport::StopWriters(Lsn& end) {
  node_.slot_pause().Begin(slots_);
  const auto busy = std::make_shared<std::atomic<size_t>>(node_.workers().size());
  for (const auto& worker : node_.workers()) {
    worker->Post([busy] { busy->fetch_sub(1); });
  }
  const int64_t until = SystemClock().MonotonicMicros() + kBarrierMs * 1000;
  while (busy->load() != 0) {
    if (SystemClock().MonotonicMicros() > until || node_.store().busy().load()) {
      return absl::UnavailableError("clients' commands take too long");
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  end = node_.journaling().journal().end();
  return absl::OkStatus();
}

absl::Status SlotExport::SettleAll(Lsn end) {
  if (absl::Status status = SendRecords(end); !status.ok()) return status;
  const absl::Status settled = sender_->Settle(kSettleMs);
  return absl::IsDeadlineExceeded(settled) ? absl::UnavailableError(settled.message()) : settled;
}

absl::Status SlotExport::HandOver() {
  Enter(State::kPaused);
  const int64_t began = SystemClock().MonotonicMicros();
  Lsn end = 0;
  absl::Status status = StopWriters(end);
  if (status.ok()) status = SettleAll(end);
  if (status.ok()) status = MayGoOn();
  if (status.ok()) {
    Enter(State::kHandingOver);
    node_.slot_pause().HoldReads();
    status = node_.member()->ProposeUntilKnown(cluster::Change(move_), [this] {
      return node_.stopping() || node_.replication().part() != GroupPart::kLeads;
    });
    // Refused for good, or not known and this node leads no more: it is not tried again.
    if (absl::IsUnavailable(status)) status = absl::AbortedError(status.message());
  }
  // Where the outcome is not known, and never will be here, nobody is answered any more.
  if (!absl::IsDeadlineExceeded(status) || !node_.stopping()) node_.slot_pause().End();
  const std::lock_guard lock(mu_);
  report_.pause_micros = SystemClock().MonotonicMicros() - began;
  return status;
}

}  // namespace henge::server
