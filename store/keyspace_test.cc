// SPDX-License-Identifier: Apache-2.0
#include "store/keyspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/numbers.h"
#include "base/random.h"

namespace henge::store {
namespace {

struct Recorded {
  std::string key;
  std::string event;
  Change change;
};

class RecordingSink final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key& key, const Event& event, Change change) override {
    effects.push_back({std::string(key.bytes), std::string(event.name), change});
  }
  std::vector<Recorded> effects;
};

class KeyspaceTest : public ::testing::Test {
 protected:
  KeyspaceTest() : store_({.shards = 4, .databases = 2}), locks_(store_) {
    locks_.AddAll();
    locks_.Lock();
  }
  Keyspace At(UnixMillis now, DbIndex db = 0) { return {store_, locks_, sink_, db, now}; }
  static std::string Text(const Entry* entry) {
    if (!entry->is_integer()) return std::string(entry->bytes());
    return std::to_string(entry->integer());
  }

  Store store_;
  LockSet locks_;
  RecordingSink sink_;
};

TEST_F(KeyspaceTest, KeepsWhatIsSet) {
  Keyspace ks = At(1000);
  ks.SetString(Key::Of("a"), "hello", kNoExpiry, events::kSet);
  ks.SetString(Key::Of("b"), "12", kNoExpiry, events::kSet);
  EXPECT_EQ(Text(ks.Read(Key::Of("a"))), "hello");
  EXPECT_EQ(ks.Read(Key::Of("b"))->encoding(), Encoding::kInt);
  EXPECT_EQ(ks.Read(Key::Of("c")), nullptr);
  EXPECT_EQ(store_.KeyCount(0), 2u);
  ASSERT_EQ(sink_.effects.size(), 2u);
  EXPECT_EQ(sink_.effects[0].change, Change::kCreated);
}

TEST_F(KeyspaceTest, ReadsAnExpiredKeyAsAbsentAndDeletesIt) {
  At(1000).SetString(Key::Of("a"), "x", 2000, events::kSet);
  EXPECT_NE(At(2000).Read(Key::Of("a")), nullptr);
  EXPECT_EQ(At(2001).Read(Key::Of("a")), nullptr);
  EXPECT_EQ(store_.KeyCount(0), 0u);
  EXPECT_EQ(store_.KeyCountWithExpiry(0), 0u);
  EXPECT_EQ(sink_.effects.back().event, "expired");
}

TEST_F(KeyspaceTest, RaisesTheFlagOfAWatchedKey) {
  WatchFlag flag;
  const Key key = Key::Of("a");
  Shard& shard = store_.shard(store_.ShardOf(key.slot));
  shard.watches.Add(0, "a", &flag);
  At(1000, 1).SetString(key, "x", kNoExpiry, events::kSet);
  EXPECT_FALSE(flag.raised) << "another database's key of the same name";
  At(1000).SetString(key, "x", kNoExpiry, events::kSet);
  EXPECT_TRUE(flag.raised);
  shard.watches.Remove(0, "a", &flag);
  EXPECT_TRUE(shard.watches.empty());
}

TEST_F(KeyspaceTest, ScansEveryKeyThatStaysWhileOthersComeAndGo) {
  Keyspace ks = At(1000);
  for (int i = 0; i < 500; ++i) {
    ks.SetString(Key::Of("stays" + std::to_string(i)), "x", kNoExpiry, events::kSet);
  }
  std::multiset<std::string> seen;
  uint64_t cursor = 0;
  int round = 0;
  do {
    cursor = ks.Scan(cursor, 10, [&](Entry* entry) {
      if (entry->key().starts_with("stays")) seen.insert(std::string(entry->key()));
    });
    for (int i = 0; i < 50; ++i, ++round) {
      ks.SetString(Key::Of("comes" + std::to_string(round)), "x", kNoExpiry, events::kSet);
      ks.Delete(Key::Of("comes" + std::to_string(round / 2)), events::kDel);
    }
  } while (cursor != 0);
  EXPECT_EQ(seen.size(), 500u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 500u);
}

// Random operations against a map; memory and counts must come back to nothing at the end.
TEST_F(KeyspaceTest, AgreesWithAModel) {
  Random random(3);
  std::map<std::string, std::string> model;
  Keyspace ks = At(1000);
  for (int step = 0; step < 60'000; ++step) {
    const std::string name = "key" + std::to_string(random.Below(300));
    const Key key = Key::Of(name);
    switch (random.Below(6)) {
      case 0:
      case 1: {
        std::string value(random.Below(3) == 0 ? random.Below(9000) : random.Below(60), 'v');
        if (random.Below(4) == 0) value = std::to_string(random.Next() >> random.Below(64));
        ks.SetString(key, value, random.Below(2) == 0 ? kNoExpiry : 5000, events::kSet);
        model[name] = value;
        break;
      }
      case 2:
        EXPECT_EQ(ks.Delete(key, events::kDel), model.erase(name) == 1);
        break;
      case 3: {
        const size_t size = random.Below(10) == 0 ? random.Below(9000) : random.Below(100);
        std::string& value = model[name];
        value.resize(size, '\0');
        if (size > 0) value[0] = 'e';
        ks.EditString(key, size, events::kSetRange, [&](char* bytes) {
          if (size > 0) bytes[0] = 'e';
          return true;
        });
        break;
      }
      case 4: {
        if (!model.contains(name)) break;
        const std::string other = "key" + std::to_string(random.Below(300));
        if (other == name) break;
        ks.Rename(key, Key::Of(other));
        model[other] = model[name];
        model.erase(name);
        break;
      }
      default: {
        if (!model.contains(name)) break;
        ks.SetExpiry(key, ks.Find(key), random.Below(2) == 0 ? kNoExpiry : 9000, events::kExpire);
      }
    }
    const auto it = model.find(name);
    const Entry* entry = ks.Peek(key);
    ASSERT_EQ(entry != nullptr, it != model.end());
    if (entry == nullptr) continue;
    ASSERT_EQ(Text(entry), it->second);
  }
  EXPECT_EQ(store_.KeyCount(0), model.size());
  for (const auto& [name, value] : model) ks.Delete(Key::Of(name), events::kDel);
  EXPECT_EQ(store_.KeyCount(0), 0u);
  EXPECT_EQ(store_.KeyCountWithExpiry(0), 0u);
  EXPECT_EQ(store_.EntryBytes(), 0u);
}

TEST_F(KeyspaceTest, CopiesShareNothingThatIsWritten) {
  Keyspace ks = At(1000);
  const std::string large(20'000, 'x');
  ks.SetString(Key::Of("a"), large, kNoExpiry, events::kSet);
  ks.CopyTo(ks, Key::Of("a"), Key::Of("b"));
  ks.EditString(Key::Of("b"), large.size(), events::kSetRange, [](char* bytes) {
    bytes[0] = 'y';
    return true;
  });
  EXPECT_EQ(Text(ks.Peek(Key::Of("a"))), large);
  EXPECT_EQ(Text(ks.Peek(Key::Of("b")))[0], 'y');
}

TEST_F(KeyspaceTest, KeepsKeysOfAnyLength) {
  Keyspace ks = At(1000);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{254}, size_t{255}, size_t{70'000}}) {
    const std::string name(size, 'k');
    ks.SetString(Key::Of(name), "v", 9000, events::kSet);
    ASSERT_NE(ks.Peek(Key::Of(name)), nullptr) << size;
    EXPECT_EQ(ks.Peek(Key::Of(name))->key(), name);
    EXPECT_EQ(ks.Peek(Key::Of(name))->expiry(), 9000);
  }
}

TEST_F(KeyspaceTest, AFollowerHidesExpiredKeysButKeepsThem) {
  store_.settings().keep_expired = true;
  const Key key = Key::Of("k");
  At(1000).SetString(key, "v", 2000, events::kSet);
  EXPECT_EQ(At(3000).Read(key), nullptr);
  EXPECT_EQ(At(3000).RandomKey(), std::nullopt);
  EXPECT_EQ(store_.KeyCount(0), 1u);
  Keyspace applying = At(3000);
  applying.set_sees_expired(true);
  EXPECT_EQ(Text(applying.Find(key)), "v");
  EXPECT_TRUE(applying.Delete(key, events::kDel));
  EXPECT_EQ(store_.KeyCount(0), 0u);
}

TEST_F(KeyspaceTest, ScanningDeletesWhatHasExpired) {
  for (int i = 0; i < 100; ++i) {
    At(1000).SetString(Key::Of(std::to_string(i)), "v", i % 2 == 0 ? 2000 : kNoExpiry,
                       events::kSet);
  }
  Keyspace ks = At(3000);
  int seen = 0;
  uint64_t cursor = 0;
  do {
    cursor = ks.Scan(cursor, 3, [&](Entry*) { ++seen; });
  } while (cursor != 0);
  EXPECT_EQ(seen, 50);
  EXPECT_EQ(store_.KeyCount(0), 50u);
  EXPECT_EQ(store_.KeyCountWithExpiry(0), 0u);
}

TEST_F(KeyspaceTest, FlushesTouchWatchesOfKeysThatWere) {
  WatchFlag there;
  WatchFlag absent;
  WatchFlag elsewhere;
  const auto watch = [&](DbIndex db, std::string_view name, WatchFlag* flag) {
    store_.shard(store_.ShardOf(Key::Of(name).slot)).watches.Add(db, name, flag);
  };
  At(1000).SetString(Key::Of("a"), "v", kNoExpiry, events::kSet);
  watch(0, "a", &there);
  watch(0, "b", &absent);
  watch(1, "a", &elsewhere);
  EXPECT_EQ(At(1000).FlushDatabases(0, 0, FlushMode::kLazy), 1u);
  EXPECT_TRUE(there.raised);
  EXPECT_FALSE(absent.raised);
  EXPECT_FALSE(elsewhere.raised);
  EXPECT_EQ(store_.KeyCount(0), 0u);
  EXPECT_EQ(store_.EntryBytes(), 0u);
  store_.reclaimer().Drain();
  EXPECT_EQ(store_.reclaimer().freed(), 1u);
}

TEST_F(KeyspaceTest, SwappingDatabasesMovesKeysCountsAndDeadlines) {
  At(1000, 0).SetString(Key::Of("a"), "zero", 5000, events::kSet);
  At(1000, 1).SetString(Key::Of("b"), "one", kNoExpiry, events::kSet);
  WatchFlag a;
  WatchFlag c;
  store_.shard(store_.ShardOf(Key::Of("a").slot)).watches.Add(1, "a", &a);
  store_.shard(store_.ShardOf(Key::Of("c").slot)).watches.Add(1, "c", &c);
  At(1000).SwapDatabases(0, 1);
  EXPECT_TRUE(a.raised);
  EXPECT_FALSE(c.raised);
  EXPECT_EQ(Text(At(1000, 1).Read(Key::Of("a"))), "zero");
  EXPECT_EQ(Text(At(1000, 0).Read(Key::Of("b"))), "one");
  EXPECT_EQ(store_.KeyCountWithExpiry(0), 0u);
  EXPECT_EQ(store_.KeyCountWithExpiry(1), 1u);
  EXPECT_EQ(At(6000, 1).Read(Key::Of("a")), nullptr);
}

TEST_F(KeyspaceTest, SwappingInADeadKeyTouchesNoWatch) {
  At(1000, 0).SetString(Key::Of("a"), "dead", 2000, events::kSet);
  WatchFlag a;
  store_.shard(store_.ShardOf(Key::Of("a").slot)).watches.Add(1, "a", &a);
  At(3000).SwapDatabases(0, 1);
  EXPECT_EQ(At(3000, 1).Peek(Key::Of("a")), nullptr);
  EXPECT_FALSE(a.raised);
}

}  // namespace
}  // namespace henge::store
