// SPDX-License-Identifier: Apache-2.0
#include "server/migrate/key_mover.h"

#include <algorithm>
#include <deque>

#include "base/clock.h"
#include "commands/errors.h"
#include "server/migrate/delivery.h"
#include "server/node.h"
#include "server/session.h"
#include "server/slots/slot_pause.h"

namespace henge::server {
namespace {

// Writers are held, so a key that was sent seldom changes at all.
constexpr int kMaxRounds = 16;
constexpr int64_t kHandOverMs = 2;  // Between looks whether one is over.

}  // namespace

// One MIGRATE. Its worker and a carrier have it in turns.
struct KeyMover::Trip {
  struct Item {
    commands::KeyMove::Key* key = nullptr;
    store::WatchFlag changed;
    Parcel parcel;
    bool over = false;
  };

  Trip(commands::KeyMove taken, const commands::CommandContext& ctx, net::Worker& on)
      : move(std::move(taken)),
        db(ctx.keyspace.db()),
        client(ctx.client.id),
        worker(on),
        spec(ctx.spec),
        target(move.host + ":" + move.port) {
    for (commands::KeyMove::Key& key : move.keys) {
      Item& item = items.emplace_back();
      item.key = &key;
      item.parcel.key = &key;
      keys.push_back(store::Key::Of(key.name));
    }
  }

  commands::KeyMove move;
  const DbIndex db;
  const ClientId client;
  net::Worker& worker;
  const commands::CommandSpec& spec;
  const std::string target;
  std::deque<Item> items;        // As the keys are; watches point into it.
  std::vector<store::Key> keys;  // Views into `move`.
  int rounds = 0;
  std::string error;  // The reply's.
  bool finished = false;
  std::function<void()> wake;
};

void KeyMover::Move(commands::CommandContext& ctx, commands::KeyMove move) {
  net::Worker& worker = Session::Of(ctx.client).connection().worker();
  const auto trip = std::make_shared<Trip>(std::move(move), ctx, worker);
  Hold(*trip);
  trip->wake = ctx.services.Block(ctx.client, 0, [trip](commands::BlockedReply& reply) {
    if (!trip->finished) return reply.Error("ERR MIGRATE goes on unattended");
    trip->error.empty() ? reply.Ok() : reply.Error(trip->error);
  });
  worker.Post([this, trip] { Send(trip); });  // Without locks.
}

void KeyMover::Hold(Trip& trip) {
  store::Store& store = node_.store();
  {
    const std::lock_guard lock(mutex_);
    for (const store::Key& key : trip.keys) moving_[{trip.db, std::string(key.bytes)}];
    count_.store(moving_.size(), std::memory_order_relaxed);
  }
  for (size_t i = 0; i < trip.keys.size(); ++i) {
    const store::Key& key = trip.keys[i];
    store.shard(store.ShardOf(key.slot)).watches.Add(trip.db, key.bytes, &trip.items[i].changed);
  }
}

void KeyMover::Release(Trip& trip, size_t item, Resumes& resumes) {
  trip.items[item].over = true;
  const store::Key& key = trip.keys[item];
  store::Store& store = node_.store();
  store.shard(store.ShardOf(key.slot))
      .watches.Remove(trip.db, key.bytes, &trip.items[item].changed);
  const std::lock_guard lock(mutex_);
  const auto at = moving_.find({trip.db, std::string(key.bytes)});
  std::move(at->second.begin(), at->second.end(), std::back_inserter(resumes));
  moving_.erase(at);
  count_.store(moving_.size(), std::memory_order_relaxed);
}

bool KeyMover::IsMoving(DbIndex db, std::string_view key) const {
  const std::lock_guard lock(mutex_);
  return moving_.contains({db, std::string(key)});
}

void KeyMover::Await(DbIndex db, std::string_view key, std::function<void()> resume) {
  const std::lock_guard lock(mutex_);
  moving_.at({db, std::string(key)}).push_back(std::move(resume));
}

void KeyMover::Send(const TripPtr& trip) {
  const bool in_cluster = node_.cluster() != nullptr;
  const bool taken = carriers_.Submit(trip->target, [this, trip, in_cluster](TargetLink& link) {
    std::vector<Parcel> parcels;
    for (const Trip::Item& item : trip->items) {
      if (!item.over) parcels.push_back(item.parcel);
    }
    std::string error = Deliver(link, trip->move, in_cluster, parcels);
    if (trip->error.empty()) trip->error = std::move(error);
    auto parcel = parcels.begin();
    for (Trip::Item& item : trip->items) {
      if (!item.over) item.parcel = *parcel++;
    }
    trip->worker.Post([this, trip] { Settle(trip); });
  });
  if (taken) return;
  trip->error = "IOERR error or timeout connecting to the client";
  Settle(trip);
}

void KeyMover::Settle(const TripPtr& trip) {
  const UnixMillis now = SystemClock().NowMillis();
  if (node_.pause().Holds(trip->spec, now)) {
    const int64_t wait_ms = node_.pause().until.load(std::memory_order_relaxed) - now;
    trip->worker.AddTimer(std::max<int64_t>(1, wait_ms), [this, trip] { Settle(trip); });
    return;
  }
  if (node_.slot_pause().active()) {  // What is deleted now would stay at the slot's next owner.
    trip->worker.AddTimer(kHandOverMs, [this, trip] { Settle(trip); });
    return;
  }
  Resumes resumes;
  Dispatcher& dispatcher = *node_.dispatchers()[static_cast<size_t>(trip->worker.index())];
  const Lsn lsn = dispatcher.RunUnderLocks(trip->keys, trip->db, [&](store::Keyspace& keyspace) {
    return SettleLocked(*trip, keyspace, resumes);
  });
  for (const auto& resume : resumes) resume();
  const bool over = std::all_of(trip->items.begin(), trip->items.end(),
                                [](const Trip::Item& item) { return item.over; });
  over ? Finish(trip, lsn) : Send(trip);
}

// What was deleted, as the command that does so.
std::vector<std::string_view> KeyMover::SettleLocked(Trip& trip, store::Keyspace& keyspace,
                                                     Resumes& resumes) {
  // Who follows another meanwhile has nothing to give away.
  const bool leads = !node_.replication().refuses_writes();
  if (!leads) trip.error = commands::errors::kReadOnlyReplica;
  if (++trip.rounds > kMaxRounds && trip.error.empty()) {
    trip.error = "IOERR a key changes faster than it can be sent to the target instance";
  }
  std::vector<std::string_view> words = {"DEL"};
  for (size_t i = 0; i < trip.items.size(); ++i) {
    Trip::Item& item = trip.items[i];
    if (item.over) continue;
    const bool moves = leads && item.parcel.arrived && !trip.move.copy;
    if (moves && item.parcel.kind != Parcel::Kind::kGone) {
      if (!item.changed.raised.load()) {
        Release(trip, i, resumes);
        if (keyspace.Delete(trip.keys[i], store::events::kDel)) words.push_back(item.key->name);
        continue;
      }
      if (trip.rounds <= kMaxRounds) {
        TakeAgain(trip, i, keyspace);
        continue;
      }
    }
    Release(trip, i, resumes);
  }
  return words.size() > 1 ? words : std::vector<std::string_view>();
}

// The target has what is no longer true.
void KeyMover::TakeAgain(Trip& trip, size_t index, store::Keyspace& keyspace) {
  Trip::Item& item = trip.items[index];
  item.changed.raised.store(false);
  item.parcel.arrived = false;
  auto taken = commands::TakeForMove(keyspace, item.key->name, node_.settings());
  item.parcel.kind = taken ? Parcel::Kind::kNewer : Parcel::Kind::kGone;
  if (taken) {
    item.key->payload = std::move(taken->payload);  // The name stays where views look.
    item.key->expiry = taken->expiry;
  }
}

void KeyMover::Finish(const TripPtr& trip, Lsn lsn) {
  trip->finished = true;
  if (Session* session = node_.clients().Find(trip->client)) {
    session->NoteWrite(lsn);
    session->HoldReplies(lsn);
  }
  trip->wake();
}

}  // namespace henge::server
