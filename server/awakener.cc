// SPDX-License-Identifier: Apache-2.0
#include "server/awakener.h"

#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "base/clock.h"
#include "base/memory.h"
#include "commands/errors.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {
namespace {

// Circles are found; a chain that is longer than this, or grows while locks are released, is worth
// all locks.
constexpr int kMaxExtensions = 16;
constexpr size_t kForeseen = 8;  // Who may be served where no number of arguments tells.

template <class Keys>
bool Contains(const Keys& keys, const store::Key& key) {
  return std::any_of(keys.begin(), keys.end(),
                     [&](const store::Key& other) { return other.bytes == key.bytes; });
}

}  // namespace

// --- Locks ---

Awakener::Awakener(Node& node, Dispatcher* dispatcher, store::LockSet& locks,
                   EffectRecorder& effects)
    : node_(node),
      dispatcher_(dispatcher),
      locks_(locks),
      effects_(effects),
      ready_(effects.ready()) {}

// What can't be seen behind a shard that is not held shows once it is.
Awakener::Shards Awakener::MissingShards(DbIndex db, std::span<const store::Key> keys,
                                         size_t foreseen) {
  Shards missing;
  absl::InlinedVector<store::Key, 8> found(keys.begin(), keys.end());
  for (size_t i = 0; i < found.size(); ++i) {
    const store::Key key = found[i];
    const ShardIndex index = node_.store().ShardOf(key.slot);
    if (!locks_.Holds(index)) {
      if (std::find(missing.begin(), missing.end(), index) == missing.end()) {
        missing.push_back(index);
      }
      continue;
    }
    store::WaitRegistry& waits = node_.store().shard(index).waits;
    store::WaitRegistry::Queue* queue = waits.empty() ? nullptr : waits.Find(db, key.bytes);
    if (queue == nullptr) continue;
    size_t left = foreseen;
    for (auto it = queue->begin(); it != queue->end() && left > 0; ++it) {
      if ((*it)->done()) continue;
      --left;
      for (const store::Key& target : static_cast<BlockedCall&>(**it).targets()) {
        if (!Contains(found, target)) found.push_back(target);
      }
    }
  }
  return missing;
}

void Awakener::CompleteLocks(DbIndex db, std::span<const store::Key> keys, size_t foreseen) {
  const auto waited_for = [&](const store::Key& key) {
    const ShardIndex index = node_.store().ShardOf(key.slot);
    return locks_.Holds(index) && !node_.store().shard(index).waits.empty();
  };
  if (locks_.HoldsAll() || std::none_of(keys.begin(), keys.end(), waited_for)) return;
  for (int i = 0; i < kMaxExtensions; ++i) {
    const Shards missing = MissingShards(db, keys, foreseen);
    if (missing.empty()) return;
    locks_.Extend(missing);
  }
  Shards all(node_.store().shards());
  std::iota(all.begin(), all.end(), ShardIndex{0});
  locks_.Extend(all);
}

bool Awakener::HoldsTargets(const BlockedCall& call) const {
  return std::all_of(call.targets().begin(), call.targets().end(), [&](const store::Key& key) {
    return locks_.Holds(node_.store().ShardOf(key.slot));
  });
}

// --- Serving ---

void Awakener::Serve(UnixMillis now) {
  while (!ready_.empty()) {
    for (const ReadyKeys::Ready& ready : ready_.Take()) ServeKey(ready, now);
  }
}

void Awakener::ServeKey(const ReadyKeys::Ready& ready, UnixMillis now) {
  const store::Key key = store::Key::Of(ready.key);
  const ShardIndex index = node_.store().ShardOf(key.slot);
  if (!locks_.Holds(index)) {
    elsewhere_.push_back(ready);
    return;
  }
  store::WaitRegistry& waits = node_.store().shard(index).waits;
  store::WaitRegistry::Queue* queue = waits.Find(ready.db, key.bytes);
  if (queue == nullptr) return;
  store::Keyspace keyspace(node_.store(), locks_, effects_, ready.db, now);
  auto it = queue->begin();
  // Each once: those who are put back wait for the next change.
  for (size_t left = queue->size(); left > 0; --left) {
    const std::shared_ptr<store::Waiter> waiter = *it;
    ++it;  // Before the waiter leaves, and the queue with the last one.
    if (waiter->done()) {
      LeaveQueues(static_cast<BlockedCall&>(*waiter));
      continue;
    }
    const store::Entry* entry = keyspace.Peek(key);
    if (entry == nullptr && waits.WakingWithoutKey(ready.db, key.bytes) == 0) return;
    const bool served = entry != nullptr && entry->type() == waiter->type();
    if (served || waiter->wakes_without_key()) {
      Offer(std::static_pointer_cast<BlockedCall>(waiter), now);
    }
  }
}

void Awakener::Offer(const std::shared_ptr<BlockedCall>& call, UnixMillis now) {
  if (!HoldsTargets(*call) || node_.pause().Holds(call->spec(), now)) {
    missed_.push_back(call);
  } else {
    // From now on messages go behind the call's reply: those of before are not to be among them.
    if (dispatcher_ != nullptr) dispatcher_->DeliverMessages();
    if (call->Claim()) Run(call, now);
  }
}

void Awakener::Run(const std::shared_ptr<BlockedCall>& call, UnixMillis now) {
  const uint64_t began = Ticks();
  Served served{call, {}, {}};
  commands::ClientState client;
  call->Impersonate(client);
  bool blocked = false;
  Execute(*call, now, client, served, blocked);
  call->ticks += Ticks() - began;
  if (blocked) {
    if (call->PutBack()) missed_.push_back(call);
    return;
  }
  LeaveQueues(*call);
  call->Finish();
  served_.push_back(std::move(served));
}

void Awakener::Execute(BlockedCall& call, UnixMillis now, commands::ClientState& client,
                       Served& served, bool& blocked) {
  proto::ReplyWriter reply(served.reply, call.protocol());
  const store::StoreSettings& settings = node_.store().settings();
  const uint64_t limit = settings.max_memory.load(std::memory_order_relaxed);
  if ((call.spec().flags & commands::kDenyOom) != 0 && limit != 0 && UsedMemory() > limit) {
    reply.Error(commands::errors::kOutOfMemory);
  } else {
    store::Keyspace keyspace(node_.store(), locks_, effects_, call.db(), now);
    keyspace.set_only_held(true);
    keyspace.set_no_touch(client.no_touch.load(std::memory_order_relaxed));
    commands::ArgReader args(call.arguments(), call.keys());
    commands::CommandContext context{client,           reply,       keyspace,
                                     node_.services(), call.spec(), call.argv()};
    context.retry = true;
    context.effects = commands::CallEffects(effects_.wanted());
    effects_.OpenUnit();
    const uint64_t changes_before = effects_.changes();
    call.spec().handler(context, args);
    if (effects_.changes() != changes_before) {
      effects_.EndCall({.db = call.db(), .argv = call.argv(), .keys = call.keys()},
                       context.effects);
    }
    effects_.CloseUnit();
    served.lsn = effects_.last_lsn();
    blocked = context.blocked;
  }
  if (reply.errors() > 0) served.error = reply.last_error_code();
}

// Those of the held shards; the client's worker sees to the rest.
void Awakener::LeaveQueues(BlockedCall& call) {
  for (store::WaitPlace& place : call.places()) {
    const ShardIndex index = node_.store().ShardOf(place.slot);
    if (locks_.Holds(index)) node_.store().shard(index).waits.Remove(call, place);
  }
}

// --- Without locks ---

void Awakener::Settle(UnixMillis now) {
  while (unsettled()) {
    for (Served& served : std::exchange(served_, {})) Deliver(std::move(served));
    for (const std::shared_ptr<BlockedCall>& call : std::exchange(missed_, {})) {
      call->worker().Post([&node = node_, call] {
        if (Session* session = node.clients().Find(call->client())) session->Recheck(call);
      });
    }
    ServeElsewhere(now);
  }
}

void Awakener::Deliver(Served served) {
  BlockedCall& call = *served.call;
  std::function<void()> account;  // By a worker: its client's, if there is none here.
  if (dispatcher_ != nullptr) {
    dispatcher_->AccountBlocked(call, served.error);
  } else {
    account = [&node = node_, call = served.call, error = std::move(served.error)] {
      const auto worker = static_cast<size_t>(call->worker().index());
      node.dispatchers()[worker]->AccountBlocked(*call, error);
    };
  }
  // Shared, as tasks are copied.
  auto reply = std::make_shared<proto::ReplyBuffer>(std::move(served.reply));
  call.worker().Post([&node = node_, call = std::move(served.call), reply, lsn = served.lsn,
                      account = std::move(account)] {
    if (account) account();
    Session* session = node.clients().Find(call->client());
    if (session == nullptr) return;
    session->NoteWrite(lsn);
    // A follower's readers wait for nobody's lease.
    const bool reads = (call->spec().flags & commands::kReadonly) != 0;
    if (!reads || !node.replication().follows()) session->HoldReplies(lsn);
    session->Answer(*call, *reply);
  });
}

void Awakener::ServeElsewhere(UnixMillis now) {
  for (const ReadyKeys::Ready& ready : ready_.Take()) elsewhere_.push_back(ready);
  for (const ReadyKeys::Ready& ready : std::exchange(elsewhere_, {})) {
    const store::Key key = store::Key::Of(ready.key);
    locks_.Add(key.slot);
    locks_.Lock();
    CompleteLocks(ready.db, {&key, 1}, kForeseen);
    ready_.Add(ready.db, ready.key);
    Serve(now);
    locks_.Unlock();
  }
}

void Awakener::Retry(const std::shared_ptr<BlockedCall>& call, UnixMillis now) {
  for (const store::Key& key : call->keys()) locks_.Add(key.slot);
  locks_.Lock();
  CompleteLocks(call->db(), call->keys(), kForeseen);
  for (const store::WaitPlace& place : call->places()) ready_.Add(call->db(), place.name);
  Serve(now);
  locks_.Unlock();
  Settle(now);
}

}  // namespace henge::server
