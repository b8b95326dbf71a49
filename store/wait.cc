// SPDX-License-Identifier: Apache-2.0
#include "store/wait.h"

#include <cstring>

namespace henge::store {
namespace {

// The name under which a key's line stands; valid until the thread asks for another.
const std::string& LineName(DbIndex db, std::string_view key) {
  thread_local std::string name;
  name.resize(sizeof(db) + key.size());
  std::memcpy(name.data(), &db, sizeof(db));
  CopyBytes(name.data() + sizeof(db), key);
  return name;
}

}  // namespace

Waiter::Waiter(DbIndex db, std::span<const Key> keys, Type type, bool wakes_without_key)
    : db_(db), type_(type), wakes_without_key_(wakes_without_key) {
  for (const Key& key : keys) {
    WaitPlace& place = places_.emplace_back();
    place.name = key.bytes;
    place.hash = key.hash;
    place.slot = key.slot;
  }
}

bool Waiter::Claim() {
  State state = State::kWaiting;
  while (!state_.compare_exchange_weak(state, State::kClaimed, std::memory_order_acq_rel)) {
    if (state == State::kWaiting) continue;  // Failed for no reason.
    if (state != State::kClaimed) return false;
    // If it is put back meanwhile, the note fails, and the claim is tried anew.
    if (state_.compare_exchange_strong(state, State::kClaimedMissed, std::memory_order_acq_rel)) {
      return false;
    }
    state = State::kWaiting;
  }
  return true;
}

void Waiter::Finish() {
  state_.store(State::kDone, std::memory_order_release);
  state_.notify_all();
}

bool Waiter::PutBack() {
  const State before = state_.exchange(State::kWaiting, std::memory_order_acq_rel);
  state_.notify_all();
  return before == State::kClaimedMissed;
}

bool Waiter::End() {
  State state = State::kWaiting;
  while (!state_.compare_exchange_weak(state, State::kDone, std::memory_order_acq_rel)) {
    if (state == State::kDone) return false;
    if (state != State::kWaiting) state_.wait(state, std::memory_order_acquire);
    state = State::kWaiting;
  }
  return true;
}

DbIndex WaitRegistry::DbOf(std::string_view name) {
  DbIndex db;
  std::memcpy(&db, name.data(), sizeof(db));
  return db;
}

void WaitRegistry::Add(const std::shared_ptr<Waiter>& waiter, WaitPlace& place) {
  const auto [it, inserted] = lines_.try_emplace(LineName(waiter->db(), place.name));
  Line& line = it->second;
  if (inserted) keys_.Add();
  // A call that names a key twice waits for it once. Nobody came between: the lock is held.
  if (!inserted && line.waiters.back() == waiter) return;
  place.at = line.waiters.insert(line.waiters.end(), waiter);
  place.queued.store(true, std::memory_order_relaxed);
  if (waiter->wakes_without_key() && line.waking_without_key++ == 0) keys_wanted_absent_.Add();
}

void WaitRegistry::Remove(const Waiter& waiter, WaitPlace& place) {
  if (!place.queued.load(std::memory_order_relaxed)) return;
  place.queued.store(false, std::memory_order_relaxed);
  const auto it = lines_.find(LineName(waiter.db(), place.name));
  Line& line = it->second;
  if (waiter.wakes_without_key() && --line.waking_without_key == 0) keys_wanted_absent_.Sub();
  line.waiters.erase(place.at);
  if (!line.waiters.empty()) return;
  lines_.erase(it);
  keys_.Sub();
}

bool WaitRegistry::Concerns(DbIndex db, std::string_view key, bool deleted) const {
  const auto it = lines_.find(LineName(db, key));
  return it != lines_.end() && (!deleted || it->second.waking_without_key > 0);
}

WaitRegistry::Queue* WaitRegistry::Find(DbIndex db, std::string_view key) {
  const auto it = lines_.find(LineName(db, key));
  return it == lines_.end() ? nullptr : &it->second.waiters;
}

size_t WaitRegistry::WakingWithoutKey(DbIndex db, std::string_view key) const {
  const auto it = lines_.find(LineName(db, key));
  return it == lines_.end() ? 0 : it->second.waking_without_key;
}

}  // namespace henge::store
