// SPDX-License-Identifier: Apache-2.0
#include "store/eviction.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/clock.h"
#include "store/keyspace.h"

namespace henge::store {
namespace {

constexpr uint64_t kAllTheTimeItTakes = 60'000'000;
size_t used_memory = 0;  // One test at a time.

// Counts what is evicted; each key weighs one byte.
class Scales final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key& key, const Event& event, Change change) override {
    if (change == Change::kCreated) ++used_memory;
    if (change == Change::kDeleted) --used_memory;
    if (event.name == "evicted") evicted.push_back(std::string(key.bytes));
  }
  std::vector<std::string> evicted;
};

class EvictorTest : public ::testing::Test {
 protected:
  EvictorTest() { used_memory = 0; }

  void WithKey(const std::string& name, DbIndex db, auto&& fn) {
    const Key key = Key::Of(name);
    LockSet locks(store_);
    locks.Add(key.slot);
    locks.Lock();
    Keyspace keyspace(store_, locks, sink_, db, clock_.NowMillis());
    fn(keyspace, key);
  }
  void Set(const std::string& name, int64_t ttl_ms = -1, DbIndex db = 0) {
    WithKey(name, db, [&](Keyspace& keyspace, const Key& key) {
      keyspace.SetString(key, "v", ttl_ms < 0 ? kNoExpiry : clock_.NowMillis() + ttl_ms,
                         events::kSet);
    });
  }
  void Read(const std::string& name) {
    WithKey(name, 0, [](Keyspace& keyspace, const Key& key) { keyspace.Read(key); });
  }
  void SetPolicy(EvictionPolicy policy) { store_.settings().policy = policy; }
  Evictor::Result FreeTo(size_t limit) {
    return evictor_.FreeToLimit(limit, clock_.NowMillis(), kAllTheTimeItTakes);
  }
  double ShareOfEvicted(const std::string& prefix) {
    size_t count = 0;
    for (const std::string& name : sink_.evicted) count += name.starts_with(prefix) ? 1 : 0;
    return static_cast<double>(count) / static_cast<double>(sink_.evicted.size());
  }

  ManualClock clock_;
  Store store_{{.shards = 8, .databases = 2}};
  Scales sink_;
  Evictor evictor_{store_, sink_, 42, [] { return used_memory; }};
};

TEST(EvictionPolicy, HasNames) {
  for (int i = 0; i < 8; ++i) {
    const auto policy = static_cast<EvictionPolicy>(i);
    EXPECT_EQ(ParseEvictionPolicy(EvictionPolicyName(policy)), policy);
  }
  EXPECT_EQ(ParseEvictionPolicy("Volatile-TTL"), EvictionPolicy::kVolatileTtl);
  EXPECT_EQ(ParseEvictionPolicy("lru"), std::nullopt);
}

TEST_F(EvictorTest, DoesNothingWithinTheLimit) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  Set("a");
  EXPECT_EQ(FreeTo(1), Evictor::Result::kOk);
  EXPECT_TRUE(sink_.evicted.empty());
}

TEST_F(EvictorTest, RefusesUnderNoEviction) {
  Set("a");
  EXPECT_EQ(FreeTo(0), Evictor::Result::kOutOfMemory);
  EXPECT_EQ(store_.KeyCount(0), 1u);
}

TEST_F(EvictorTest, VolatilePoliciesLeaveKeysWithoutDeadline) {
  for (const auto policy : {EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu,
                            EvictionPolicy::kVolatileRandom, EvictionPolicy::kVolatileTtl}) {
    SCOPED_TRACE(EvictionPolicyName(policy));
    SetPolicy(policy);
    for (int i = 0; i < 1000; ++i) Set("keep" + std::to_string(i));
    for (int i = 0; i < 20; ++i) Set("go" + std::to_string(i), 100'000);
    EXPECT_EQ(FreeTo(1010), Evictor::Result::kOk);
    EXPECT_EQ(store_.KeyCountWithExpiry(0), 10u);
    EXPECT_EQ(FreeTo(500), Evictor::Result::kOutOfMemory);
    EXPECT_EQ(store_.KeyCount(0), 1000u);
    EXPECT_EQ(ShareOfEvicted("go"), 1.0);
  }
}

TEST_F(EvictorTest, LruPrefersWhatWasNotUsed) {
  SetPolicy(EvictionPolicy::kAllKeysLru);
  for (int i = 0; i < 1000; ++i) Set((i % 2 == 0 ? "old" : "hot") + std::to_string(i));
  clock_.Advance(60'000);
  for (int i = 1; i < 1000; i += 2) Read("hot" + std::to_string(i));
  clock_.Advance(60'000);
  EXPECT_EQ(FreeTo(800), Evictor::Result::kOk);
  EXPECT_GT(ShareOfEvicted("old"), 0.9);
  uint64_t evicted = 0;
  for (ShardIndex i = 0; i < 8; ++i) evicted += store_.shard(i).stats.evicted.get();
  EXPECT_EQ(evicted, 200u);
}

TEST_F(EvictorTest, LfuPrefersWhatWasUsedLeast) {
  SetPolicy(EvictionPolicy::kAllKeysLfu);
  for (int i = 0; i < 1000; ++i) Set((i % 2 == 0 ? "cold" : "hot") + std::to_string(i));
  for (int i = 1; i < 1000; i += 2) {
    for (int n = 0; n < 50; ++n) Read("hot" + std::to_string(i));
  }
  EXPECT_EQ(FreeTo(800), Evictor::Result::kOk);
  EXPECT_GT(ShareOfEvicted("cold"), 0.9);
}

TEST_F(EvictorTest, TtlPrefersTheNearestDeadline) {
  SetPolicy(EvictionPolicy::kVolatileTtl);
  for (int i = 0; i < 1000; ++i) {
    Set((i % 2 == 0 ? "soon" : "late") + std::to_string(i), i % 2 == 0 ? 10'000 : 900'000);
  }
  EXPECT_EQ(FreeTo(800), Evictor::Result::kOk);
  EXPECT_GT(ShareOfEvicted("soon"), 0.9);
}

TEST_F(EvictorTest, EmptiesEveryDatabaseIfItMust) {
  for (const auto policy :
       {EvictionPolicy::kAllKeysLru, EvictionPolicy::kAllKeysLfu, EvictionPolicy::kAllKeysRandom}) {
    SetPolicy(policy);
    for (int i = 0; i < 100; ++i) Set(std::to_string(i), -1, static_cast<DbIndex>(i % 2));
    EXPECT_EQ(FreeTo(0), Evictor::Result::kOk);
    EXPECT_EQ(store_.KeyCount(0) + store_.KeyCount(1), 0u);
  }
}

TEST_F(EvictorTest, StopsWhenItsTimeIsSpent) {
  SetPolicy(EvictionPolicy::kAllKeysRandom);
  for (int i = 0; i < 1000; ++i) Set(std::to_string(i));
  EXPECT_EQ(evictor_.FreeToLimit(0, clock_.NowMillis(), 0), Evictor::Result::kMoreToDo);
  EXPECT_GT(store_.KeyCount(0), 900u);
}

}  // namespace
}  // namespace henge::store
