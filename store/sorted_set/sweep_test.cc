// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/sweep.h"

#include <gtest/gtest.h>

#include <string>

#include "store/keyspace.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::store {
namespace {

constexpr int kMembers = 20000;
constexpr SortedSetLimits kLimits;
constexpr Event kEvent{EventClass::kSortedSet, "test"};

class SilentSink final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key&, const Event&, Change) override {}
};

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() : store_({.shards = 4, .databases = 1}) {
    Change([](SortedSet& set) {
      for (int i = 0; i < kMembers; ++i) set.Put("m" + std::to_string(i), i, kLimits);
    });
  }
  template <class F>
  void Change(F change) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    Keyspace keyspace(store_, locks, sink_, 0, 1000);
    keyspace.Modify(key_, Type::kSortedSet, Keyspace::IfAbsent::kCreate, kEvent, [&](Entry& entry) {
      SortedSet set(entry);
      change(set);
      return true;
    });
  }

  Store store_;
  SilentSink sink_;
  Key key_ = Key::Of("zset");
};

TEST_F(SweepTest, FreesWhatARemovalLeftAndAccountsForIt) {
  const uint64_t before = store_.EntryBytes();
  Change([](SortedSet& set) { set.RemoveRanks({10, kMembers - 10}); });
  EXPECT_GT(store_.EntryBytes(), before * 9 / 10);
  SweepInBackground(store_, 0, key_);
  store_.reclaimer().Drain();
  EXPECT_LT(store_.EntryBytes(), before / 20);
  Change([](SortedSet& set) {
    EXPECT_EQ(set.size(), 20u);
    EXPECT_TRUE(set.swept());
  });
}

TEST_F(SweepTest, LeavesAKeyAloneThatIsGone) {
  Change([](SortedSet& set) { set.RemoveRanks({0, kMembers - 10}); });
  Change([](SortedSet& set) { set.RemoveRanks({0, 10}); });
  SweepInBackground(store_, 0, key_);
  SweepInBackground(store_, 0, Key::Of("never"));
  store_.reclaimer().Drain();
  EXPECT_EQ(store_.EntryBytes(), 0u);
}

}  // namespace
}  // namespace henge::store
