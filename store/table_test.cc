// SPDX-License-Identifier: Apache-2.0
#include "store/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/key.h"

namespace henge::store {
namespace {

struct Thing {
  std::string key;
  int value = 0;
};
struct ThingTraits {
  using Item = Thing;
  static std::string_view Key(const Thing* thing) { return thing->key; }
  static uint64_t Hash(std::string_view key) { return HashKey(key); }
};
// Keys "<hash>:<rest>" carry their hash, so that tests can make hashes agree.
struct ChosenTraits {
  using Item = Thing;
  static std::string_view Key(const Thing* thing) { return thing->key; }
  static uint64_t Hash(std::string_view key) {
    return std::strtoull(std::string(key).c_str(), nullptr, 10);
  }
};

template <class Traits>
class Owned {
 public:
  Thing* Insert(const std::string& key, int value = 0) {
    auto thing = std::make_unique<Thing>(Thing{key, value});
    table.Insert(thing.get(), Traits::Hash(key));
    return (things[key] = std::move(thing)).get();
  }
  bool Erase(const std::string& key) {
    Thing* thing = table.Erase(key, Traits::Hash(key));
    EXPECT_EQ(thing != nullptr, things.contains(key));
    return things.erase(key) == 1;
  }
  Thing* Find(const std::string& key) const { return table.Find(key, Traits::Hash(key)); }

  Table<Traits> table;
  std::unordered_map<std::string, std::unique_ptr<Thing>> things;
};
using Things = Owned<ThingTraits>;

std::string KeyNumber(uint64_t n) { return "key:" + std::to_string(n); }

TEST(Table, CostsNothingWhileEmpty) {
  Things t;
  EXPECT_EQ(t.table.MemoryBytes(), 0u);
  EXPECT_EQ(t.Find("a"), nullptr);
  EXPECT_EQ(t.table.Scan(0, [](Thing*) { FAIL(); }), 0u);
  t.Insert("a");
  EXPECT_LE(t.table.MemoryBytes(), 160u);
  t.Erase("a");
  EXPECT_EQ(t.table.MemoryBytes(), 0u);
}

TEST(Table, AgreesWithAModel) {
  for (const uint64_t seed : {1, 2, 3}) {
    Random random(seed);
    Things t;
    // Waves of growing and shrinking, so that segments of every size come and go.
    for (int step = 0; step < 300'000; ++step) {
      const bool growing = step / 30'000 % 2 == 0;
      const std::string key = KeyNumber(random.Below(40'000));
      if (random.Below(10) < (growing ? 7u : 2u)) {
        if (t.Find(key) == nullptr) t.Insert(key);
      } else {
        t.Erase(key);
      }
      ASSERT_EQ(t.table.size(), t.things.size());
      ASSERT_EQ(t.Find(key) != nullptr, t.things.contains(key));
    }
    for (const auto& [key, thing] : t.things) ASSERT_EQ(t.Find(key), thing.get());
    size_t walked = 0;
    t.table.ForEach([&](Thing*) { ++walked; });
    EXPECT_EQ(walked, t.things.size());
  }
}

TEST(Table, KeepsItsLoadAsItGrows) {
  Things t;
  double sum = 0;
  double least = 1;
  double most = 0;
  int samples = 0;
  for (uint64_t i = 0; i < 400'000; ++i) {
    t.Insert(KeyNumber(i));
    if (i < 50'000 || i % 1'000 != 0) continue;
    const double load =
        static_cast<double>(t.table.size()) / static_cast<double>(t.table.capacity());
    least = std::min(least, load);
    most = std::max(most, load);
    sum += load;
    ++samples;
  }
  const double mean = sum / samples;
  RecordProperty("loads", std::to_string(least) + " to " + std::to_string(most) + ", mean " +
                              std::to_string(mean));
  EXPECT_GT(least, 0.68);
  EXPECT_GT(mean, 0.77);
  EXPECT_LT(static_cast<double>(t.table.MemoryBytes()) / static_cast<double>(t.table.size()), 13.5);
}

TEST(Table, ReplacesAnItemThatMoved) {
  Things t;
  t.Insert("a", 1);
  const auto position = t.table.FindPosition("a", HashKey("a"));
  ASSERT_TRUE(position);
  auto moved = std::make_unique<Thing>(Thing{"a", 2});
  t.table.Replace(position, moved.get());
  EXPECT_EQ(t.Find("a")->value, 2);
  EXPECT_FALSE(t.table.FindPosition("b", HashKey("b")));
  t.table.Erase("a", HashKey("a"));
}

// Hashes that agree in all bits, or in all that splitting looks at.
TEST(Table, StaysRightWhenHashesAgree) {
  for (const int equal_bits : {64, 56, 48, 40, 30}) {
    Random random(9);
    Owned<ChosenTraits> t;
    for (int i = 0; i < 1500; ++i) {
      const uint64_t low = equal_bits == 64 ? 0 : random.Next() >> equal_bits;
      t.Insert(std::to_string(
                   uint64_t{0x123456789abcdef0} >> (64 - equal_bits) << (64 - equal_bits) | low) +
               ":" + std::to_string(i));
    }
    EXPECT_LT(t.table.MemoryBytes(), 4u << 20);
    std::multiset<std::string> seen;
    uint64_t cursor = 0;
    do {
      cursor = t.table.Scan(cursor, [&](Thing* thing) { seen.insert(thing->key); });
    } while (cursor != 0);
    EXPECT_EQ(seen.size(), 1500u) << equal_bits;
    std::vector<std::string> keys;
    for (const auto& [key, thing] : t.things) keys.push_back(key);
    for (const std::string& key : keys) {
      ASSERT_NE(t.Find(key), nullptr);
      ASSERT_TRUE(t.Erase(key));
      ASSERT_EQ(t.Find(key), nullptr);
    }
    EXPECT_EQ(t.table.size(), 0u);
  }
}

// What is there from start to end is returned exactly once, though the table grows a hundredfold,
// or shrinks, between the calls.
TEST(Table, ScanReturnsWhatStaysExactlyOnce) {
  for (const uint64_t seed : {1, 2, 3, 4}) {
    Random random(seed);
    Things t;
    const uint64_t stay = 1 + random.Below(3000);
    for (uint64_t i = 0; i < stay; ++i) t.Insert(KeyNumber(i), 1);
    uint64_t extra = 1'000'000;
    uint64_t oldest = extra;
    std::map<std::string, int> seen;
    uint64_t cursor = 0;
    do {
      cursor = t.table.Scan(cursor, [&](Thing* thing) {
        if (thing->value == 1) ++seen[thing->key];
      });
      ASSERT_LT(cursor, uint64_t{1} << 48);
      const bool growing = seed % 2 == 1;
      for (uint64_t i = random.Below(25); i > 0; --i) t.Insert(KeyNumber(extra++));
      for (uint64_t i = random.Below(growing ? 5 : 50); i > 0 && oldest < extra; --i) {
        t.Erase(KeyNumber(oldest++));
      }
    } while (cursor != 0);
    EXPECT_EQ(seen.size(), stay);
    for (const auto& [key, times] : seen) ASSERT_EQ(times, 1) << key;
  }
}

TEST(Table, FindsItemsByTheirHashPrefix) {
  Things t;
  for (uint64_t i = 0; i < 20'000; ++i) t.Insert(KeyNumber(i));
  for (uint64_t i = 0; i < 20'000; i += 7) {
    const std::string key = KeyNumber(i);
    const uint64_t prefix = HashKey(key) >> 14 << 14;
    bool found = false;
    t.table.VisitHashPrefix(prefix, [&](Thing* thing) { found = found || thing->key == key; });
    ASSERT_TRUE(found);
  }
}

TEST(Table, DrawsItemsFairly) {
  Things t;
  for (uint64_t i = 0; i < 1000; ++i) t.Insert(KeyNumber(i));
  Random random(5);
  std::map<Thing*, int> drawn;
  for (int i = 0; i < 200'000; ++i) ++drawn[t.table.RandomItem(random)];
  EXPECT_EQ(drawn.size(), 1000u);
  for (const auto& [thing, times] : drawn) {
    EXPECT_GT(times, 70) << thing->key;
    EXPECT_LT(times, 480) << thing->key;
  }
  for (uint64_t i = 1; i < 1000; ++i) t.Erase(KeyNumber(i));
  EXPECT_EQ(t.table.RandomItem(random)->key, KeyNumber(0));
}

TEST(Table, DrawsFairlyFromManySegments) {
  Things t;
  constexpr int kItems = 5000;
  for (int i = 0; i < kItems; ++i) t.Insert(KeyNumber(static_cast<uint64_t>(i)));
  Random random(17);
  std::unordered_map<std::string, double> hits;
  for (int i = 0; i < 100 * kItems; ++i) ++hits[t.table.RandomItem(random)->key];
  double chi_square = 0;
  for (const auto& [key, n] : hits) chi_square += (n - 100) * (n - 100) / 100;
  EXPECT_EQ(hits.size(), size_t{kItems});
  EXPECT_LT(chi_square, 5350);  // 4999 degrees of freedom: 1 in 4000.
}

TEST(Table, IsFilledInHashOrderOnceItIsLaidOut) {
  for (const uint64_t items : {20, 900, 5000, 100'000}) {
    Things from;
    for (uint64_t i = 0; i < items; ++i) from.Insert(KeyNumber(i));
    Table<ThingTraits> to;
    to.Reserve(items);
    from.table.ForEach([&](Thing* thing) { to.Insert(thing, HashKey(thing->key)); });
    EXPECT_EQ(to.size(), items);
    EXPECT_LT(to.MemoryBytes(), from.table.MemoryBytes() * 3 / 2 + 256);
    for (const auto& [key, thing] : from.things) {
      ASSERT_EQ(to.Find(key, HashKey(key)), thing.get());
    }
    to.Clear([](Thing*) {});
  }
}

TEST(Table, TakesManyAtOnce) {
  for (const size_t items : {0, 1, 15, 16, 17, 900, 50'000}) {
    std::vector<std::unique_ptr<Thing>> things;
    std::vector<Thing*> pointers;
    for (size_t i = 0; i < items + 5; ++i) {
      things.push_back(std::make_unique<Thing>(Thing{KeyNumber(i), 0}));
      pointers.push_back(things.back().get());
    }
    Table<ThingTraits> table;
    table.InsertAll(std::span(pointers).first(items));
    table.InsertAll(std::span(pointers).subspan(items));  // Also behind others.
    EXPECT_EQ(table.size(), items + 5);
    for (Thing* thing : pointers) ASSERT_EQ(table.Find(thing->key, HashKey(thing->key)), thing);
  }
}

// A copy has each item once, under its key, and changes apart from its original.
template <class Traits, class KeyOf>
void ExpectCopies(size_t items, KeyOf key_of) {
  Owned<Traits> from;
  for (size_t i = 0; i < items; ++i) from.Insert(key_of(i));
  for (size_t i = 0; i < items; i += 3) from.Erase(key_of(i));
  Owned<Traits> to;
  to.table.CopyFrom(from.table, [&](const Thing* thing) {
    auto own = std::make_unique<Thing>(*thing);
    return (to.things[thing->key] = std::move(own)).get();
  });
  EXPECT_EQ(to.table.size(), from.things.size());
  EXPECT_EQ(to.things.size(), from.things.size());
  EXPECT_EQ(to.table.MemoryBytes(), from.table.MemoryBytes());
  for (const auto& [key, thing] : to.things) ASSERT_EQ(to.Find(key), thing.get());
  for (size_t i = 0; i < items; ++i) {
    if (i % 3 == 0) to.Insert(key_of(i));
    if (i % 3 == 1) to.Erase(key_of(i));
  }
  for (const auto& [key, thing] : to.things) ASSERT_EQ(to.Find(key), thing.get());
  for (const auto& [key, thing] : from.things) ASSERT_EQ(from.Find(key), thing.get());
  size_t seen = 0;
  to.table.ForEach([&](const Thing* thing) { seen += to.things.count(thing->key); });
  EXPECT_EQ(seen, to.things.size());
}

TEST(Table, IsCopiedAsItIsLaidOut) {
  for (const size_t items : {0, 1, 20, 900, 5000, 60'000})
    ExpectCopies<ThingTraits>(items, KeyNumber);
  // Hashes that agree: some items stand in overflow.
  ExpectCopies<ChosenTraits>(300, [](size_t i) { return "4711:" + std::to_string(i); });
}

TEST(Table, DrainedTablesAreSmallAgain) {
  Things t;
  constexpr uint64_t kItems = 30000;
  for (uint64_t i = 0; i < kItems; ++i) t.Insert(KeyNumber(i));
  for (uint64_t i = 30; i < kItems; ++i) {
    ASSERT_TRUE(t.Erase(KeyNumber(i)));
    if (i % 3000 != 0) continue;
    size_t walked = 0;
    t.table.ForEach([&](const Thing*) { ++walked; });
    ASSERT_EQ(walked, t.things.size());
    for (const auto& [key, thing] : t.things) ASSERT_EQ(t.Find(key), thing.get());
  }
  EXPECT_LT(t.table.MemoryBytes(), 16 * 1024u);
  Random random(3);
  std::map<std::string, double> hits;
  for (int i = 0; i < 30000; ++i) ++hits[t.table.RandomItem(random)->key];
  double chi_square = 0;
  for (const auto& [key, n] : hits) chi_square += (n - 1000) * (n - 1000) / 1000;
  EXPECT_EQ(hits.size(), 30u);
  EXPECT_LT(chi_square, 73);  // 29 degrees of freedom: 1 in 100,000.
}

TEST(Table, ScanMissesNothingThatStaysWhileATableDrains) {
  Things t;
  for (uint64_t i = 0; i < 20000; ++i) t.Insert(KeyNumber(i));
  std::map<std::string, int> seen;
  uint64_t cursor = 0;
  uint64_t gone = 100;
  do {
    cursor = t.table.Scan(cursor, [&](const Thing* thing) { ++seen[thing->key]; });
    for (int i = 0; i < 30 && gone < 20000; ++i) t.Erase(KeyNumber(gone++));
  } while (cursor != 0);
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_GE(seen[KeyNumber(i)], 1);
    EXPECT_LE(seen[KeyNumber(i)], 2);
  }
}

}  // namespace
}  // namespace henge::store
