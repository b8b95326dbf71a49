// SPDX-License-Identifier: Apache-2.0
// MULTI, EXEC, DISCARD, WATCH, UNWATCH. Queueing is the dispatcher's; EXEC runs with the locks of
// all that was queued and watched.
#include <array>

#include "commands/command_table.h"
#include "commands/context.h"
#include "commands/transactions/watch.h"

namespace henge::commands {

void ForgetWatches(ClientState& client, store::Store& store, const store::LockSet& held) {
  for (const auto& [db, name, existed] : client.watched) {
    const ShardIndex shard = store.ShardOf(store::Key::Of(name).slot);
    const store::ShardGuard guard(store, held, shard);
    store.shard(shard).watches.Remove(db, name, &client.watch_flag);
  }
  client.watched = std::vector<ClientState::Watched>();  // Its room, too.
  client.watched_keys.store(0, std::memory_order_relaxed);
  client.watch_flag.raised.store(false, std::memory_order_relaxed);
}

void ForgetWatches(ClientState& client, store::Store& store) {
  const store::LockSet none(store);
  ForgetWatches(client, store, none);
}

void DropTransaction(ClientState& client, store::Store& store, const store::LockSet& held) {
  client.in_multi.store(false, std::memory_order_relaxed);
  client.dirty_exec = false;
  client.queued_slot = ClientState::kNoSlot;
  client.queue = std::vector<QueuedCommand>();
  client.queued_commands.store(0, std::memory_order_relaxed);
  client.multi_bytes.store(0, std::memory_order_relaxed);
  ForgetWatches(client, store, held);
}

namespace {

void LeaveMulti(CommandContext& ctx) {
  DropTransaction(ctx.client, ctx.keyspace.store(), ctx.keyspace.locks());
}

// A watched key changed, or passed its deadline since WATCH, which nobody reports until it is
// looked at. REQUIRES: the locks of the watched keys.
bool WatchesFailed(CommandContext& ctx) {
  if (ctx.client.watch_flag.raised.load(std::memory_order_relaxed)) return true;
  for (const auto& [db, name, existed] : ctx.client.watched) {
    if (existed && !ctx.keyspace.InDatabase(db).Exists(store::Key::Of(name))) return true;
  }
  return false;
}

void Multi(CommandContext& ctx, ArgReader&) {
  if (ctx.client.in_multi.load(std::memory_order_relaxed)) {
    return ctx.reply.Error("ERR MULTI calls can not be nested");
  }
  ctx.client.in_multi.store(true, std::memory_order_relaxed);
  ctx.reply.Ok();
}

void Discard(CommandContext& ctx, ArgReader&) {
  if (!ctx.client.in_multi.load(std::memory_order_relaxed)) {
    return ctx.reply.Error("ERR DISCARD without MULTI");
  }
  LeaveMulti(ctx);
  ctx.reply.Ok();
}

void Exec(CommandContext& ctx, ArgReader&) {
  ClientState& client = ctx.client;
  if (!client.in_multi.load(std::memory_order_relaxed)) {
    return ctx.reply.Error(errors::kNoMultiInExec);
  }
  const bool failed = WatchesFailed(ctx);
  if (client.dirty_exec || failed) {
    client.dirty_exec ? ctx.reply.Error(errors::kExecAbort) : ctx.reply.NullArray();
    return LeaveMulti(ctx);
  }
  std::vector<QueuedCommand> queue = std::move(client.queue);
  LeaveMulti(ctx);
  ctx.reply.Array(queue.size());
  for (QueuedCommand& command : queue) ctx.services.RunQueued(ctx, command);
}

void Watch(CommandContext& ctx, ArgReader& args) {
  ClientState& client = ctx.client;
  if (client.in_multi.load(std::memory_order_relaxed)) {
    return ctx.reply.Error("ERR WATCH inside MULTI is not allowed");
  }
  store::Store& store = ctx.keyspace.store();
  while (!args.empty()) {
    const store::Key key = args.Key();
    const DbIndex db = ctx.keyspace.db();
    bool known = false;
    for (const auto& watched : client.watched) {
      known = known || (watched.db == db && watched.key == key.bytes);
    }
    if (known) continue;
    const bool exists = ctx.keyspace.Exists(key);
    store.shard(store.ShardOf(key.slot)).watches.Add(db, key.bytes, &client.watch_flag);
    client.watched.push_back({db, std::string(key.bytes), exists});
  }
  client.watched_keys.store(static_cast<int>(client.watched.size()), std::memory_order_relaxed);
  ctx.reply.Ok();
}

void Unwatch(CommandContext& ctx, ArgReader&) {
  ForgetWatches(ctx.client, ctx.keyspace.store(), ctx.keyspace.locks());
  ctx.reply.Ok();
}

constexpr uint32_t kCommon = kNoScript | kLoading | kStale | kFast | kAllowBusy | kRunsInMulti;

constexpr std::array kCommands = {
    CommandSpec{.name = "multi",
                .arity = 1,
                .flags = kCommon,
                .group = Group::kTransactions,
                .since = "1.2.0",
                .complexity = "O(1)",
                .summary = "Opens a transaction: what follows is queued until EXEC.",
                .handler = Multi},
    CommandSpec{.name = "exec",
                .arity = 1,
                .flags = kNoScript | kLoading | kStale | kSkipSlowlog | kRunsInMulti | kLocksQueued,
                .group = Group::kTransactions,
                .since = "1.2.0",
                .complexity = "The sum of the queued commands'.",
                .summary = "Runs the queued commands as one, unless a watched key has changed.",
                .handler = Exec},
    CommandSpec{.name = "discard",
                .arity = 1,
                .flags = kCommon,
                .group = Group::kTransactions,
                .since = "2.0.0",
                .complexity = "O(N) in the number of queued commands.",
                .summary = "Drops the queued commands and the watches.",
                .handler = Discard},
    CommandSpec{.name = "watch",
                .arity = -2,
                .flags = kCommon,
                .group = Group::kTransactions,
                .since = "2.2.0",
                .complexity = "O(1) per key.",
                .summary = "Makes the next EXEC depend on these keys staying as they are.",
                .syntax = "key [key ...]",
                .keys = {keys::Range(1, -1, 1, kRO)},
                .handler = Watch},
    CommandSpec{.name = "unwatch",
                .arity = 1,
                .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
                .group = Group::kTransactions,
                .since = "2.2.0",
                .complexity = "O(1)",
                .summary = "Forgets all watched keys.",
                .handler = Unwatch},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> TransactionCommands() { return kCommands; }

}  // namespace henge::commands
