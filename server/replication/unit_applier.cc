// SPDX-License-Identifier: Apache-2.0
#include "server/replication/unit_applier.h"

#include <utility>

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

UnitApplier::Outcome UnitApplier::Apply(const replication::StreamUnit& unit, uint64_t link) {
  Outcome outcome;
  prepared_.clear();
  spans_.clear();
  keys_.clear();
  bool all = false;
  for (const replication::StreamUnit::Command& command : unit.commands) {
    const size_t first = keys_.size();
    const auto call = calls_.Prepare(unit.argv(command), keys_);
    if (!call.ok()) {
      outcome.status = call.status();
      continue;
    }
    all = all || call->touches_all;
    prepared_.push_back(*call);
    spans_.emplace_back(first, keys_.size() - first);
  }
  all ? locks_.AddAll() : void();
  for (const store::Key& key : keys_) locks_.Add(key.slot);
  locks_.Lock();
  // With no key there may be no lock; but then there is nothing that another stream changes.
  outcome.current = node_.replication().IsCurrent(link);
  if (outcome.current) {
    awakener_.CompleteLocks(calls_.db(), keys_, keys_.size());
    const DbIndex db = calls_.db();
    effects_.set_muted(true);
    for (size_t i = 0; i < prepared_.size(); ++i) {
      EffectApplier::Call& call = prepared_[i];
      call.keys = std::span(keys_).subspan(spans_[i].first, spans_[i].second);
      call.db = calls_.db();
      const uint64_t began = Ticks();
      absl::Status status = calls_.Run(call);
      Count(*call.info, Ticks() - began, !status.ok());
      if (!status.ok()) outcome.status = std::move(status);
    }
    effects_.set_muted(false);
    const bool control = replication::IsControl(unit);
    const Slot slot = keys_.size() == 1 ? keys_[0].slot : persistence::kNoSlot;
    // A record says what is selected where it begins, if it does not select that itself.
    const bool selects = !unit.words.empty() && EqualsIgnoreCase(unit.words[0], "SELECT");
    node_.replication().Journal(
        unit.bytes, {selects ? calls_.db() : db, control ? persistence::kControlSlot : slot});
    if (!effects_.ready().empty()) awakener_.Serve(SystemClock().NowMillis());
  }
  locks_.Unlock();
  return outcome;
}

void UnitApplier::Count(const commands::CommandInfo& info, uint64_t ticks, bool failed) {
  ExecutionStats& stats = effects_.stats();
  CommandCounters& counters = stats.by_command[static_cast<size_t>(info.index)];
  counters.Record(ticks, TicksToMicros(ticks));
  if (failed) counters.failed.Add();
  stats.commands.Add();
  stats.ticks.Add(ticks);
}

}  // namespace henge::server
