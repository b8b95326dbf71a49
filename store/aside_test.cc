// SPDX-License-Identifier: Apache-2.0
#include "store/aside.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "store/keyspace.h"
#include "store/unheard.h"

namespace henge::store {
namespace {

constexpr UnixMillis kNow = 100;
constexpr int kKeys = 200;

std::string Name(int i) { return "key" + std::to_string(i); }

void Fill(Store& store, DbIndex db, int from, std::string_view value) {
  Unheard sink;
  LockSet locks(store);
  locks.AddAll();
  locks.Lock();
  Keyspace keyspace(store, locks, sink, db, kNow);
  for (int i = from; i < from + kKeys; ++i) {
    keyspace.SetString(Key::Of(Name(i)), value, i % 2 == 0 ? 500 : kNoExpiry, events::kSet);
  }
}

class Counting final : public SnapshotSink {
 public:
  size_t Save(ShardIndex, DbIndex, const Entry& entry) override {
    seen.emplace(entry.key());
    return 10;
  }
  void BeginLarge(DbIndex, const Entry&) override {}
  bool SaveSlice() override { return false; }
  void EndStep(ShardIndex, bool) override {}
  std::multiset<std::string> seen;
};

// How many keys a snapshot of now finds, each of them once.
size_t Saved(Store& store) {
  Counting sink;
  SnapshotWalk walk(store, sink);
  {
    LockSet locks(store);
    locks.AddAll();
    locks.Lock();
    walk.Begin();
    EXPECT_TRUE(IsBeingSaved(store));
  }
  while (walk.Step(100, 100)) {
  }
  const std::set<std::string> once(sink.seen.begin(), sink.seen.end());
  EXPECT_EQ(once.size(), sink.seen.size());
  return sink.seen.size();
}

class AsideTest : public ::testing::Test {
 protected:
  AsideTest() { Fill(store_, 0, 0, "old"); }

  void Replace(Store& with) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    ASSERT_FALSE(IsBeingSaved(store_));
    ReplaceContents(store_, locks, with, kNow, sink_);
  }

  std::string Get(int i, DbIndex db = 0) {
    LockSet locks(store_);
    locks.Add(Key::Of(Name(i)).slot);
    locks.Lock();
    Entry* entry = Keyspace(store_, locks, sink_, db, kNow).Read(Key::Of(Name(i)));
    return entry == nullptr ? "" : std::string(entry->bytes());
  }

  Unheard sink_;
  Store store_{{.shards = 4, .databases = 3, .table_per_slot = true}};
};

TEST_F(AsideTest, HasTheSameShapeAndLimits) {
  store_.settings().encodings.set_max_intset_entries.store(7);
  store_.settings().keep_expired.store(true);
  const auto aside = MakeAlike(store_);
  EXPECT_EQ(aside->shards(), store_.shards());
  EXPECT_EQ(aside->databases(), store_.databases());
  EXPECT_EQ(aside->table_per_slot(), store_.table_per_slot());
  EXPECT_EQ(aside->settings().encodings.set_max_intset_entries.load(), 7);
  EXPECT_TRUE(aside->settings().keep_expired.load());
}

TEST_F(AsideTest, TakesThePlaceOfEverything) {
  const auto aside = MakeAlike(store_);
  Fill(*aside, 0, kKeys / 2, "new");
  Fill(*aside, 2, 0, "other");
  EXPECT_EQ(Get(0), "old");
  Replace(*aside);
  EXPECT_EQ(Get(0), "");
  EXPECT_EQ(Get(kKeys), "new");
  EXPECT_EQ(Get(0, 2), "other");
  EXPECT_EQ(store_.KeyCount(0), kKeys);
  EXPECT_EQ(store_.KeyCount(2), kKeys);
  EXPECT_EQ(store_.KeyCountWithExpiry(0), kKeys / 2);
  EXPECT_GT(store_.EntryBytes(), 0);
  EXPECT_EQ(aside->KeyCount(0) + aside->KeyCount(2) + aside->EntryBytes(), 0);
  EXPECT_EQ(store_.flushes().load(), 1);
}

// Entries are marked by snapshots of the store they were made in.
TEST_F(AsideTest, IsSavedWholeWhateverWasSavedBefore) {
  EXPECT_EQ(Saved(store_), kKeys);
  const auto aside = MakeAlike(store_);
  Fill(*aside, 0, 0, "new");
  Fill(*aside, 1, kKeys, "new");
  Replace(*aside);
  EXPECT_EQ(Saved(store_), 2 * kKeys);
  EXPECT_EQ(Saved(store_), 2 * kKeys);
}

TEST_F(AsideTest, TouchesWhatIsWatched) {
  WatchFlag there;
  WatchFlag comes;
  WatchFlag never;
  const auto watch = [&](const std::string& name, WatchFlag& flag) {
    const Key key = Key::Of(name);
    store_.shard(store_.ShardOf(key.slot)).watches.Add(0, key.bytes, &flag);
  };
  watch(Name(0), there);
  watch(Name(kKeys + 1), comes);
  watch("nowhere", never);
  const auto aside = MakeAlike(store_);
  Fill(*aside, 0, kKeys, "new");
  Replace(*aside);
  EXPECT_TRUE(there.raised.load());
  EXPECT_TRUE(comes.raised.load());
  EXPECT_FALSE(never.raised.load());
}

}  // namespace
}  // namespace henge::store
