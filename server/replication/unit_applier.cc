// SPDX-License-Identifier: Apache-2.0
#include "server/replication/unit_applier.h"

#include "base/clock.h"
#include "server/node.h"

namespace henge::server {

UnitApplier::UnitApplier(Node& node, store::LockSet& locks, EffectRecorder& effects,
                         Awakener& awakener)
    : node_(node),
      locks_(locks),
      effects_(effects),
      awakener_(awakener),
      calls_(node, &locks, &effects) {}

void UnitApplier::Begin(UnixMillis now) {
  now_ = now;
  last_ticks_ = Ticks();
  calls_.set_now(now);
}

void UnitApplier::Apply(const ApplyBatch& batch, const ApplyBatch::Unit& unit) {
  const std::span<const store::Key> keys = batch.KeysOf(unit);
  unit.every_shard ? locks_.AddAll() : void();
  for (const store::Key& key : keys) locks_.Add(key.slot);
  locks_.Lock();
  awakener_.CompleteLocks(unit.db, keys, keys.size());
  effects_.set_muted(true);
  for (size_t i = 0; i < unit.calls; ++i) {
    const EffectApplier::Call call = batch.CallOf(unit, i);
    const absl::Status status = calls_.Run(call);
    Count(*call.info, !status.ok());
    if (!status.ok()) node_.replication().NoteRefused(status);
  }
  effects_.set_muted(false);
  if (!effects_.ready().empty()) awakener_.Serve(now_);
  locks_.Unlock();
}

// A call's time begins where the one before ended.
void UnitApplier::Count(const commands::CommandInfo& info, bool failed) {
  const uint64_t now = Ticks();
  const uint64_t ticks = now - last_ticks_;
  last_ticks_ = now;
  ExecutionStats& stats = effects_.stats();
  CommandCounters& counters = stats.by_command[static_cast<size_t>(info.index)];
  counters.Record(ticks, TicksToMicros(ticks));
  if (failed) counters.failed.Add();
  stats.commands.Add();
  stats.ticks.Add(ticks);
}

}  // namespace henge::server
