// SPDX-License-Identifier: Apache-2.0
#include "store/hidden_slots.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "store/keyspace.h"
#include "store/unheard.h"

namespace henge::store {
namespace {

TEST(HiddenSlots, AreASet) {
  HiddenSlots slots;
  EXPECT_FALSE(slots.any());
  for (const Slot slot : {Slot{0}, Slot{64}, Slot{16383}, Slot{64}}) slots.Set(slot, true);
  std::vector<Slot> found;
  slots.ForEach([&](Slot slot) { found.push_back(slot); });
  EXPECT_EQ(found, (std::vector<Slot>{0, 64, 16383}));
  EXPECT_FALSE(slots.Has(1));
  for (const Slot slot : found) slots.Set(slot, false);
  slots.Set(5, false);
  EXPECT_FALSE(slots.any());
}

// Forty keys of a store with a table for each slot; the slots of some are hidden.
class HiddenKeysTest : public ::testing::Test {
 protected:
  HiddenKeysTest() {
    locks_.AddAll();
    locks_.Lock();
    for (int i = 0; i < 40; ++i) {
      const std::string name = "key" + std::to_string(i);
      keyspace_.SetString(Key::Of(name), "v", 500, events::kSet);
      if (i % 3 == 0) {
        store_.hidden().Set(Key::Of(name).slot, true);
      } else {
        seen_.insert(name);
      }
    }
  }

  Store store_{{.shards = 4, .databases = 1, .table_per_slot = true}};
  LockSet locks_{store_};
  Unheard sink_;
  Keyspace keyspace_{store_, locks_, sink_, 0, 100};
  std::set<std::string> seen_;
};

TEST_F(HiddenKeysTest, AreNeitherWalkedNorCountedNorDrawn) {
  std::set<std::string> all;
  keyspace_.ForEach([&](const Entry* entry) { all.emplace(entry->key()); });
  EXPECT_EQ(all, seen_);
  all.clear();
  uint64_t cursor = 0;
  do {
    cursor = keyspace_.Scan(cursor, 3, [&](const Entry* entry) { all.emplace(entry->key()); });
  } while (cursor != 0);
  EXPECT_EQ(all, seen_);
  EXPECT_EQ(keyspace_.Count(), seen_.size());
  EXPECT_EQ(store_.KeyCount(0), 40u);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(seen_.contains(keyspace_.RandomKey().value()));
}

TEST_F(HiddenKeysTest, StayPastTheirDeadline) {
  Keyspace later(store_, locks_, sink_, 0, 1000);
  EXPECT_EQ(later.Read(Key::Of("key3")), nullptr);
  EXPECT_EQ(later.Read(Key::Of("key4")), nullptr);
  EXPECT_TRUE(keyspace_.Exists(Key::Of("key3")));
  EXPECT_FALSE(keyspace_.Exists(Key::Of("key4")));
}

}  // namespace
}  // namespace henge::store
