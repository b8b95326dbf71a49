// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace henge::store {
namespace {

bool LockOne(SpinFutexMutex& mu, const std::atomic<bool>* give_up) {
  if (give_up != nullptr) return mu.lock_unless(*give_up);
  mu.lock();
  return true;
}

// All of them, as a list.
struct AllShards {
  size_t count;
  size_t size() const { return count; }
  size_t operator[](size_t i) const { return i; }
};

}  // namespace

ShardDb::ShardDb(size_t shards, bool table_per_slot)
    : shards_(shards), tables_(table_per_slot ? std::max<size_t>(1, kSlots / shards) : 1) {}

ShardDb::~ShardDb() {
  for (EntryTable& table : tables_) table.Clear([](Entry* entry) { Entry::Free(entry); });
}

size_t ShardDb::MemoryBytes() const {
  size_t bytes = sizeof(*this) + tables_.size() * sizeof(EntryTable) + deadlines_.MemoryBytes();
  for (const EntryTable& table : tables_) bytes += table.MemoryBytes();
  return bytes;
}

Store::Store(const StoreOptions& options)
    : options_(options), mask_(static_cast<size_t>(options.shards) - 1), shards_(mask_ + 1) {
  for (Shard& shard : shards_) {
    shard.dbs.resize(static_cast<size_t>(options.databases));
    shard.keys = std::vector<Counter>(static_cast<size_t>(options.databases));
    shard.entry_bytes = std::vector<Counter>(static_cast<size_t>(options.databases));
    shard.keys_with_expiry = std::vector<Counter>(static_cast<size_t>(options.databases));
    shard.keys_with_member_expiry = std::vector<Counter>(static_cast<size_t>(options.databases));
  }
}

ShardDb& Store::Database(Shard& shard, DbIndex db) {
  std::unique_ptr<ShardDb>& part = shard.dbs[db];
  if (part == nullptr) part = std::make_unique<ShardDb>(shards_.size(), options_.table_per_slot);
  return *part;
}

uint64_t Store::KeyCount(DbIndex db) const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.keys[db].get();
  return sum;
}

uint64_t Store::KeyCountWithExpiry(DbIndex db) const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.keys_with_expiry[db].get();
  return sum;
}

uint64_t Store::KeyCountWithMemberExpiry(DbIndex db) const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.keys_with_member_expiry[db].get();
  return sum;
}

uint64_t Store::EntryBytes() const {
  uint64_t sum = 0;
  for (const Shard& shard : shards_) {
    for (const Counter& bytes : shard.entry_bytes) sum += bytes.get();
  }
  return sum;
}

void Store::TakeCensus(ShardIndex index) {
  Shard& shard = shards_[index];
  size_t bytes = 0;
  size_t places = 0;
  size_t deadline_bytes = 0;
  const std::lock_guard lock(shard.mu);
  for (const std::unique_ptr<ShardDb>& part : shard.dbs) {
    if (part == nullptr) continue;
    const size_t of_deadlines = part->deadlines().MemoryBytes();
    deadline_bytes += of_deadlines;
    bytes += part->MemoryBytes() - of_deadlines;
    for (const EntryTable& table : part->tables()) places += table.capacity();
  }
  shard.census.bytes.Set(bytes);
  shard.census.places.Set(places);
  shard.census.deadline_bytes.Set(deadline_bytes);
}

void LockSet::AddShard(ShardIndex shard) {
  if (!shards_.empty() && shards_.back() == shard) return;
  shards_.push_back(shard);
}

template <class Shards>
bool LockSet::LockEach(const Shards& shards, const std::atomic<bool>* give_up) {
  constexpr size_t kNone = ~size_t{0};
  size_t waited = kNone;  // The place of the one that was waited for, and is held.
  for (size_t i = 0; i < shards.size(); ++i) {
    SpinFutexMutex& mu = store_.shard(static_cast<ShardIndex>(shards[i])).mu;
    if (i == waited || mu.try_lock_briefly()) continue;
    for (size_t held = 0; held < i; ++held) {
      store_.shard(static_cast<ShardIndex>(shards[held])).mu.unlock();
    }
    if (waited != kNone && waited > i) {
      store_.shard(static_cast<ShardIndex>(shards[waited])).mu.unlock();
    }
    if (!LockOne(mu, give_up)) return false;
    waited = i;
    i = kNone;  // From the beginning.
  }
  return true;
}

bool LockSet::LockOr(const std::atomic<bool>* give_up) {
  if (all_) {
    const MomentGate::Entry entry = store_.moments().Enter(give_up);
    entered_ = entry == MomentGate::Entry::kEntered;
    locked_ = entry != MomentGate::Entry::kGaveUp && LockEach(AllShards{store_.shards()}, give_up);
  } else if (shards_.size() == 1) {
    locked_ = LockOne(store_.shard(shards_[0]).mu, give_up);
  } else {
    std::sort(shards_.begin(), shards_.end());
    shards_.erase(std::unique(shards_.begin(), shards_.end()), shards_.end());
    locked_ = LockEach(shards_, give_up);
  }
  if (!locked_) {
    LeaveGate();
    Unlock();
  }
  return locked_;
}

void LockSet::Acquire(ShardIndex shard) {
  if (Holds(shard)) return;
  store_.shard(shard).mu.lock();
  shards_.push_back(shard);
}

void LockSet::AcquireAll() {
  if (all_) return;
  for (size_t i = 0; i < store_.shards(); ++i) {
    const auto shard = static_cast<ShardIndex>(i);
    if (!Holds(shard)) store_.shard(shard).mu.lock();
  }
  all_ = true;
}

void LockSet::LeaveGate() {
  if (std::exchange(entered_, false)) store_.moments().Leave();
}

void LockSet::ReleaseShards() {
  if (!locked_) return;
  locked_ = false;
  if (all_) {
    for (size_t i = store_.shards(); i-- > 0;) {
      store_.shard(static_cast<ShardIndex>(i)).mu.unlock();
    }
  } else {
    for (const ShardIndex i : shards_) store_.shard(i).mu.unlock();
  }
  LeaveGate();
}

void LockSet::Extend(std::span<const ShardIndex> more) {
  ReleaseShards();
  shards_.insert(shards_.end(), more.begin(), more.end());
  Lock();
}

void LockSet::Unlock() {
  ReleaseShards();
  shards_.clear();
  all_ = false;
  if (!garbage_.empty()) garbage_.clear();
}

bool LockSet::Holds(ShardIndex shard) const {
  if (!locked_) return false;
  return all_ || std::find(shards_.begin(), shards_.end(), shard) != shards_.end();
}

}  // namespace henge::store
