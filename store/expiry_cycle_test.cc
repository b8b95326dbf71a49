// SPDX-License-Identifier: Apache-2.0
#include "store/expiry_cycle.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/clock.h"

namespace henge::store {
namespace {

constexpr uint64_t kAllTheTimeItTakes = 60'000'000;

class ExpiredKeys final : public EffectSink {
 public:
  void OnEffect(DbIndex db, const Key& key, const Event& event, Change change) override {
    if (event.name != "expired") return;
    EXPECT_EQ(change, Change::kDeleted);
    names.insert(std::to_string(db) + "/" + std::string(key.bytes));
  }
  std::set<std::string> names;
};

class ExpiryCycleTest : public ::testing::Test {
 protected:
  void Set(DbIndex db, const std::string& name, int64_t ttl_ms) {
    const Key key = Key::Of(name);
    LockSet locks(store_);
    locks.Add(key.slot);
    locks.Lock();
    Keyspace keyspace(store_, locks, sink_, db, clock_.NowMillis());
    keyspace.SetString(key, "value", ttl_ms < 0 ? kNoExpiry : clock_.NowMillis() + ttl_ms,
                       events::kSet);
  }
  void Delete(DbIndex db, const std::string& name) {
    const Key key = Key::Of(name);
    LockSet locks(store_);
    locks.Add(key.slot);
    locks.Lock();
    Keyspace(store_, locks, sink_, db, clock_.NowMillis()).Delete(key, events::kDel);
  }
  size_t Records() {
    size_t records = 0;
    for (ShardIndex i = 0; i < store_.shards(); ++i) {
      for (const auto& part : store_.shard(i).dbs) {
        if (part != nullptr) records += part->deadlines().records();
      }
    }
    return records;
  }

  ManualClock clock_;
  Store store_{{.shards = 4, .databases = 3}};
  ExpiredKeys sink_;
  ExpiryCycle cycle_{store_, {0, 4}, sink_};
};

TEST_F(ExpiryCycleTest, NotesHowLateKeysAreDeleted) {
  Set(0, "soon", 100);
  Set(0, "later", 10'000);
  clock_.Advance(12'000);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  const ExpiryLag& lag = cycle_.deletions();
  EXPECT_EQ(lag.sum_ms.get(), 11'900u + 2'000u);
  EXPECT_EQ(lag.max_ms.get(), 11'900u);
  EXPECT_EQ(lag.buckets[14].get(), 1u);  // 8192 … 16383 ms
  EXPECT_EQ(lag.buckets[11].get(), 1u);  // 1024 … 2047 ms
}

TEST_F(ExpiryCycleTest, LeavesWhatIsInHiddenSlotsUntilItIsSeen) {
  Set(0, "hidden", 100);
  Set(0, "seen", 100);
  const Slot slot = Key::Of("hidden").slot;
  store_.hidden().Set(slot, true);
  clock_.Advance(1000);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(sink_.names, std::set<std::string>({"0/seen"}));
  store_.hidden().Set(slot, false);
  clock_.Advance(1000);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(sink_.names, std::set<std::string>({"0/hidden", "0/seen"}));
}

TEST_F(ExpiryCycleTest, ACensusMeasuresTablesAndDeadlines) {
  const auto measure = [&](Counter TableCensus::* what) {
    uint64_t sum = 0;
    for (ShardIndex i = 0; i < store_.shards(); ++i) {
      store_.TakeCensus(i);
      sum += (store_.shard(i).census.*what).get();
    }
    return sum;
  };
  EXPECT_EQ(measure(&TableCensus::places), 0u);
  for (int i = 0; i < 1000; ++i) Set(0, "k" + std::to_string(i), 1000);
  EXPECT_GE(measure(&TableCensus::places), 1000u);
  EXPECT_LT(measure(&TableCensus::places), 4000u);
  EXPECT_GT(measure(&TableCensus::bytes), 8000u);
  EXPECT_GT(measure(&TableCensus::deadline_bytes), 0u);
}

TEST_F(ExpiryCycleTest, DeletesWhatIsDueInEveryDatabaseAndNothingElse) {
  for (int i = 0; i < 1000; ++i) {
    Set(static_cast<DbIndex>(i % 3), "due" + std::to_string(i), 500 + i);
    Set(static_cast<DbIndex>(i % 3), "later" + std::to_string(i), 60'000 + i);
    Set(static_cast<DbIndex>(i % 3), "never" + std::to_string(i), -1);
  }
  clock_.Advance(1600);
  EXPECT_FALSE(cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes));
  EXPECT_EQ(sink_.names.size(), 1000u);
  EXPECT_EQ(store_.KeyCount(0) + store_.KeyCount(1) + store_.KeyCount(2), 2000u);
  EXPECT_EQ(store_.KeyCountWithExpiry(0), 334u);
  EXPECT_EQ(cycle_.lag_ms(), 0);
  clock_.Advance(60'000);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(store_.KeyCount(0) + store_.KeyCount(1) + store_.KeyCount(2), 1000u);
  EXPECT_EQ(Records(), 0u);
}

TEST_F(ExpiryCycleTest, LeavesShardsThatAreNotItsOwn) {
  ExpiryCycle half(store_, {0, 2}, sink_);
  for (int i = 0; i < 1000; ++i) Set(0, std::to_string(i), 100);
  clock_.Advance(1000);
  half.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(store_.shard(0).keys[0].get() + store_.shard(1).keys[0].get(), 0u);
  EXPECT_GT(store_.shard(2).keys[0].get() + store_.shard(3).keys[0].get(), 0u);
}

TEST_F(ExpiryCycleTest, StopsWhenItsTimeIsSpentAndSaysHowLateItIs) {
  for (int i = 0; i < 10'000; ++i) Set(0, std::to_string(i), 100);
  clock_.Advance(3000);
  EXPECT_TRUE(cycle_.Run(clock_.NowMillis(), 0));
  EXPECT_GT(cycle_.lag_ms(), 2500);
  EXPECT_EQ(cycle_.time_limit_reached(), 1u);
  EXPECT_GT(store_.KeyCount(0), 0u);
  EXPECT_FALSE(cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes));
  EXPECT_EQ(store_.KeyCount(0), 0u);
  EXPECT_EQ(cycle_.lag_ms(), 0);
}

TEST_F(ExpiryCycleTest, LeavesNoBacklogOfAMillionKeysOfOneSecond) {
  for (int i = 0; i < 1'000'000; ++i) Set(0, "k" + std::to_string(i), 1000 + i % 1000);
  clock_.Advance(2000 + ExpiryIndex::kTickMs);
  EXPECT_FALSE(cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes));
  EXPECT_EQ(store_.KeyCount(0), 0u);
}

TEST_F(ExpiryCycleTest, PuttingADeadlineOffFilesNoNewRecord) {
  for (int i = 0; i < 100; ++i) Set(0, "session", 10'000 + i);
  EXPECT_EQ(Records(), 1u);
  clock_.Advance(10'090);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(store_.KeyCount(0), 1u);
  clock_.Advance(200);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(store_.KeyCount(0), 0u);
}

TEST_F(ExpiryCycleTest, WeedsOutStaleRecordsWithoutLosingAKey) {
  for (int i = 0; i < 200; ++i) Set(0, "kept" + std::to_string(i), 3'600'000 + i);
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 200; ++i) {
      Set(0, "gone" + std::to_string(i), 7'200'000);
      Delete(0, "gone" + std::to_string(i));
      if (i % 50 == 0) cycle_.Run(clock_.NowMillis(), 0);
    }
    Set(0, "new" + std::to_string(round), 3'600'000);
  }
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_LE(Records(), 2 * 400 + 400 / 4 + 4 * 1024 + 400u);
  clock_.Advance(3'601'000);
  cycle_.Run(clock_.NowMillis(), kAllTheTimeItTakes);
  EXPECT_EQ(sink_.names.size(), 400u);
  EXPECT_EQ(store_.KeyCount(0), 0u);
}

}  // namespace
}  // namespace henge::store
