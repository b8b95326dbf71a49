// SPDX-License-Identifier: Apache-2.0
// The dispatcher's part in a cluster or group: which commands are this node's to answer
// (slot_gate.h), and what it may not answer without a lease.
#include <vector>

#include "base/clock.h"
#include "commands/errors.h"
#include "commands/scripting/script_run.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/session.h"
#include "server/slots/slot_pause.h"

namespace henge::server {
namespace {

constexpr int64_t kTwoMindsMs = 2000;  // Then the difference is not one of a moment.

}  // namespace

using commands::ClientState;
using commands::QueuedCommand;

bool Dispatcher::Leaseless() {
  const Replication& replication = node_.replication();
  if (!replication.lease().limited() || replication.follows()) return false;
  // A hand-over keeps who writes waiting, and nobody else writes before that has ended.
  if (node_.pause().stops_writes.load(std::memory_order_relaxed)) return false;
  if (lease_clock_ == 0) lease_clock_ = SystemClock().MonotonicMicros();
  return !replication.lease().Holds(lease_clock_);
}

std::string_view Dispatcher::LeaselessText() {
  const bool plain = node_.options().in_group && !node_.options().cluster_enabled;
  if (!plain) return commands::errors::kClusterDown;
  return node_.replication().refuses_writes() ? commands::errors::kReadOnlyReplica
                                              : commands::errors::kNoLease;
}

bool Dispatcher::EmptyIfLeading() {
  now_ = SystemClock().NowMillis();
  locks_.AddAll();
  locks_.Lock();
  const bool leads = node_.replication().part() == GroupPart::kLeads;
  if (leads) {
    store::Keyspace keyspace(node_.store(), locks_, effects_, 0, now_);
    const std::vector<std::string_view> words = {"FLUSHALL"};
    effects_.OpenUnit();
    const auto last = static_cast<DbIndex>(node_.store().databases() - 1);
    keyspace.FlushDatabases(0, last, store::FlushMode::kBySize);
    effects_.EndCall({.db = 0, .argv = words}, commands::CallEffects(effects_.wanted()));
    effects_.CloseUnit();
    if (!effects_.ready().empty()) awakener_.Serve(now_);
  }
  Unlock();
  ServeWaiters();
  if (leads) node_.services().persistence().NoteFlushAll(nullptr);
  return leads;
}

bool Dispatcher::IsHere(const Prepared& p) const {
  if (p.info == nullptr) return false;
  return (p.info->flags & commands::kOnlySentinel) == 0 || node_.group_watch() != nullptr;
}

bool Dispatcher::IsSettled(int slot, bool leaseless) const {
  const cluster::ClusterView& view = *node_.cluster();
  return slot >= 0 && view.IsSettled(static_cast<Slot>(slot)) && !leaseless &&
         view.health() == cluster::ClusterHealth::kOk;
}

std::string_view Dispatcher::RefuseBySlot(Session& session, const Prepared& p) {
  if (node_.cluster() == nullptr) return {};
  const ClientState& client = session.state();
  const bool exec = (p.info->spec->flags & commands::kLocksQueued) != 0;
  slot_ = exec ? client.queued_slot : SlotOf(KeysOf(p));
  if (slot_ == ClientState::kNoSlot || IsSettled(slot_, Leaseless())) return {};
  return RefuseUnsettled(client, p);
}

std::string_view Dispatcher::RefuseBySlotLocked(Session& session, const Prepared& p) {
  if (node_.cluster() == nullptr || slot_ == ClientState::kNoSlot) return {};
  return IsSettled(slot_, Leaseless()) ? "" : RefuseUnsettled(session.state(), p);
}

std::string_view Dispatcher::RefuseUnsettled(const ClientState& client, const Prepared& p) {
  const commands::CommandSpec& spec = *p.info->spec;
  const std::span<const store::Key> keys = KeysOf(p);
  const bool exec = (spec.flags & commands::kLocksQueued) != 0;
  uint32_t flags = spec.flags;
  for (const QueuedCommand& queued : client.queue) {
    if (exec) flags |= queued.spec->flags;
  }
  const SlotRequest request = {
      .slot = slot_,
      .first_slot = keys.empty() ? slot_ : keys.front().slot,
      .writes = (flags & commands::kWrite) != 0,
      .shard_channels = (flags & commands::kPubSubCommand) != 0,
      .asking = client.asking != 0 || (spec.flags & commands::kAsking) != 0,
      .readonly = client.readonly.load(std::memory_order_relaxed),
      .moves_keys = spec.moves_keys,
      .leaseless = Leaseless()};
  const cluster::ClusterView& view = *node_.cluster();
  if (ServesSlot(view, request)) return {};
  const Settings& settings = node_.parameters();
  refusal_ = RefuseSlot(view, request,
                        {settings.cluster_allow_reads_when_down.load(),
                         settings.cluster_allow_pubsubshard_when_down.load()},
                        [&] { return CountHere(client, p); });
  redirected_ = !refusal_.empty();
  return refusal_;
}

bool Dispatcher::AsksOfCluster(const Prepared& p) const {
  return node_.cluster() != nullptr && node_.replication().follows() &&
         (p.info->spec->flags & commands::kStale) != 0 && KeysOf(p).empty();
}

bool Dispatcher::PausedBySlot(const ClientState& client, const commands::CommandSpec& spec) const {
  if (!node_.slot_pause().active()) return false;
  uint32_t flags = spec.flags;
  if ((spec.flags & commands::kLocksQueued) != 0) {
    for (const QueuedCommand& queued : client.queue) flags |= queued.spec->flags;
  }
  const bool writes = (flags & (commands::kWrite | commands::kMayReplicate)) != 0;
  if (slot_ >= 0 && node_.slot_pause().Holds(static_cast<Slot>(slot_), writes)) return true;
  if ((flags & commands::kRunsScript) != 0) return true;  // It may come to keys it does not name.
  return slot_ < 0 && (flags & commands::kWrite) != 0;
}

// The topology, and what it makes of the node's data, change one after the other.
bool Dispatcher::IsOfTwoMinds(const Prepared& p, std::string_view refusal) {
  const cluster::ClusterView* view = node_.cluster();
  if (view == nullptr || p.info == nullptr || !node_.replication().governed()) return false;
  if (refusal != commands::errors::kReadOnlyReplica && !refusal.starts_with("CLUSTERDOWN The"))
    return false;
  const GroupPart part = node_.replication().part();
  if (part == GroupPart::kLeads && !Leaseless()) return false;
  if (KeysOf(p).empty()) {
    if (part == GroupPart::kFollows) return false;
  } else if (view->health() != cluster::ClusterHealth::kOk ||
             !view->IsMine(static_cast<Slot>(KeysOf(p).front().slot))) {
    return false;
  }
  if (now_ - last_minds_ > kTwoMindsMs) minds_since_ = now_;
  last_minds_ = now_;
  return now_ - minds_since_ < kTwoMindsMs;
}

KeysHere Dispatcher::CountHere(const ClientState& client, const Prepared& p) {
  const DbIndex db = client.db.load(std::memory_order_relaxed);
  const bool exec = (p.info->spec->flags & commands::kLocksQueued) != 0;
  if (locks_.locked() && !exec) return CountKeys(KeysOf(p), db);
  if (locks_.locked()) return CountKeys(QueuedKeys(client), db);
  // Not known yet, which no error comes of: the call is looked at again when it holds its locks. So
  // are transactions, and calls that a script that is busy keeps from looking.
  if (exec) return {};
  locks_.Add(static_cast<Slot>(slot_));
  if (!locks_.LockUnlessBusy()) return {};
  const KeysHere here = CountKeys(KeysOf(p), db);
  locks_.Unlock();
  return here;
}

KeysHere Dispatcher::CountKeys(std::span<const store::Key> keys, DbIndex db) const {
  KeysHere here;
  for (const store::Key& key : keys) {
    here.several = here.several || key.bytes != keys.front().bytes;
    store::ShardDb* part = node_.store().shard(node_.store().ShardOf(key.slot)).dbs[db].get();
    const store::Entry* entry =
        part == nullptr ? nullptr : part->TableOf(key.slot).Find(key.bytes, key.hash);
    const bool present = entry != nullptr && !entry->ExpiredAt(now_);
    ++(present ? here.present : here.absent);
  }
  return here;
}

std::string_view Dispatcher::RefuseScriptedBySlot(commands::scripting::ScriptRun& run,
                                                  const Prepared& p,
                                                  std::span<const store::Key> keys) {
  if (node_.cluster() == nullptr || keys.empty()) return {};
  const int slot = SlotOf(keys);
  // One that has written goes on: whether it is acknowledged is another matter.
  const bool leaseless = !run.wrote.load(std::memory_order_relaxed) && Leaseless();
  if (!IsSettled(slot, leaseless)) {
    const std::string refusal = RefuseScriptedUnsettled(run, p, keys, {slot, leaseless});
    if (refusal == commands::errors::kClusterDownForWrites) {
      return "ERR Script attempted to execute a write command while the cluster is down and "
             "readonly";
    }
    if (refusal == commands::errors::kClusterDown) {
      return "ERR Script attempted to execute a command while the cluster is down";
    }
    if (!refusal.empty()) {
      return "ERR Script attempted to access a non local key in a cluster node";
    }
  }
  if (run.allow_cross_slot) return {};
  if (run.slot < 0) run.slot = slot_;  // Of the keys that the call declared.
  if (run.slot >= 0 && run.slot != slot) {
    return "ERR Script attempted to access keys that do not hash to the same slot";
  }
  run.slot = slot;
  return {};
}

// REQUIRES: the keys' shards are locked.
std::string Dispatcher::RefuseScriptedUnsettled(const commands::scripting::ScriptRun& run,
                                                const Prepared& p, std::span<const store::Key> keys,
                                                const ScriptedSlot& asked) {
  const ClientState& client = run.ctx.client;
  const uint32_t flags = p.info->spec->flags;
  const SlotRequest request = {.slot = asked.slot,
                               .first_slot = keys.front().slot,
                               .writes = (flags & commands::kWrite) != 0,
                               .shard_channels = (flags & commands::kPubSubCommand) != 0,
                               .asking = client.asking != 0 || (flags & commands::kAsking) != 0,
                               .readonly = client.readonly.load(std::memory_order_relaxed),
                               .moves_keys = p.info->spec->moves_keys,
                               .leaseless = asked.leaseless};
  const cluster::ClusterView& view = *node_.cluster();
  if (ServesSlot(view, request)) return {};
  const Settings& settings = node_.parameters();
  return RefuseSlot(view, request,
                    {settings.cluster_allow_reads_when_down.load(),
                     settings.cluster_allow_pubsubshard_when_down.load()},
                    [&] { return CountKeys(keys, client.db.load(std::memory_order_relaxed)); });
}

}  // namespace henge::server
