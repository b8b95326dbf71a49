// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/sorted_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/sorted_set/sorted_set_builder.h"

namespace henge::store {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr SortedSetLimits kLimits{.members = 8, .member_bytes = 16};
constexpr SortedSetLimits kAlwaysLarge{.members = 0, .member_bytes = 0};

// An entry, freed in the end.
struct Owned {
  Owned() : entry(Entry::NewCollection("key", Type::kSortedSet)), set(*entry) {}
  explicit Owned(Entry* e) : entry(e), set(*e) {}
  ~Owned() { Entry::Free(entry); }
  Entry* entry;
  SortedSet set;
};

using Scored = std::vector<std::pair<std::string, double>>;

Scored All(const SortedSet& set) {
  Scored all;
  set.ForEach([&](std::string_view m, double score) { all.emplace_back(m, score); });
  return all;
}

TEST(SortedSet, IsOrderedByScoreThenName) {
  for (const auto& limits : {kLimits, kAlwaysLarge}) {
    Owned z;
    EXPECT_EQ(z.set.Put("b", 1, limits), SortedSet::Outcome::kAdded);
    EXPECT_EQ(z.set.Put("a", 1, limits), SortedSet::Outcome::kAdded);
    EXPECT_EQ(z.set.Put("7", -2.5, limits), SortedSet::Outcome::kAdded);
    EXPECT_EQ(z.set.Put("a", 1, limits), SortedSet::Outcome::kUnchanged);
    EXPECT_EQ(z.set.Put("b", 0, limits), SortedSet::Outcome::kRescored);
    EXPECT_EQ(z.set.is_packed(), limits.members > 0);
    EXPECT_THAT(All(z.set), ElementsAre(Pair("7", -2.5), Pair("b", 0), Pair("a", 1)));
    EXPECT_EQ(z.set.Score("a"), 1);
    EXPECT_EQ(z.set.Score("c"), std::nullopt);
    EXPECT_EQ(z.set.Find("a")->rank, 2u);
    EXPECT_TRUE(z.set.Remove("b"));
    EXPECT_FALSE(z.set.Remove("b"));
    EXPECT_EQ(z.set.size(), 2u);
  }
}

TEST(SortedSet, UnpacksWhenAMemberTooManyOrTooLongIsAdded) {
  Owned many;
  for (int i = 0; i < 8; ++i) many.set.Put(std::to_string(i), i, kLimits);
  many.set.Put("3", 30, kLimits);
  EXPECT_TRUE(many.set.is_packed());
  many.set.Put("absent", kLimits, [](auto) { return std::nullopt; });
  EXPECT_TRUE(many.set.is_packed());
  many.set.Put("8", 8, kLimits);
  EXPECT_FALSE(many.set.is_packed());
  EXPECT_EQ(many.set.size(), 9u);
  EXPECT_EQ(many.set.Find("3")->rank, 8u);

  Owned wide;
  wide.set.Put("short", 1, kLimits);
  wide.set.Put(std::string(17, 'x'), 1, kLimits);
  EXPECT_FALSE(wide.set.is_packed());

  Owned expecting;
  expecting.set.Expect(8, 16, kLimits);
  EXPECT_TRUE(expecting.set.is_packed());
  expecting.set.Expect(9, 1, kLimits);
  EXPECT_FALSE(expecting.set.is_packed());
}

TEST(SortedSet, KeepsScoresExactlyWhenPacked) {
  Owned z;
  const double scores[] = {0.1,    -0.1,       1e300,
                           5e-324, 1e15 + 0.5, 9007199254740993.0,
                           0x1p62, -0x1p62,    std::numeric_limits<double>::infinity(),
                           1e19,   1.0 / 3,    -std::numeric_limits<double>::infinity()};
  int i = 0;
  const SortedSetLimits wide{.members = 100, .member_bytes = 64};
  for (const double score : scores) z.set.Put(std::to_string(i++), score, wide);
  ASSERT_TRUE(z.set.is_packed());
  i = 0;
  for (const double score : scores) EXPECT_EQ(z.set.Score(std::to_string(i++)), score);
}

// docs/formats/sorted_set.md shows these bytes; they are Redis's.
TEST(SortedSet, IsPackedAsInRedisFiles) {
  Owned z;
  z.set.Put("b", 1, kLimits);
  z.set.Put("apple", 2.5, kLimits);
  z.set.Put("7", -1, kLimits);
  const std::string expected(
      "\x1d\0\0\0\6\0\x07\1\xdf\xff\2\x81"
      "b\2\1\1\x85"
      "apple\6\x83"
      "2.5\4\xff",
      29);
  EXPECT_EQ(Listpack(z.entry->object()).view(), expected);
}

// --- Against a model ----------------------------------------------------------------------------

class Model {
 public:
  void Put(const std::string& member, double score) {
    Remove(member);
    scores_[member] = score;
    order_.emplace(score, member);
  }
  void Remove(const std::string& member) {
    const auto at = scores_.find(member);
    if (at == scores_.end()) return;
    order_.erase({at->second, member});
    scores_.erase(at);
  }
  void RemoveRanks(size_t first, size_t last) {
    std::vector<std::string> gone;
    for (auto at = std::next(order_.begin(), first); first < last; ++at, ++first) {
      gone.push_back(at->second);
    }
    for (const auto& member : gone) Remove(member);
  }
  size_t size() const { return order_.size(); }
  Scored All() const {
    Scored all;
    for (const auto& [score, member] : order_) all.emplace_back(member, score);
    return all;
  }
  size_t CountBelow(double score, bool with) const {
    size_t n = 0;
    for (const auto& [s, m] : order_) n += s < score || (with && s == score) ? 1 : 0;
    return n;
  }

 private:
  std::map<std::string, double> scores_;
  std::set<std::pair<double, std::string>> order_;
};

void Compare(const Owned& z, const Model& model) {
  ASSERT_EQ(z.set.size(), model.size());
  ASSERT_EQ(All(z.set), model.All());
  size_t rank = 0;
  for (const auto& [member, score] : model.All()) {
    const auto place = z.set.Find(member);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->rank, rank++);
    EXPECT_EQ(place->score, score);
  }
}

void CheckRanges(const Owned& z, const Model& model, Random& random) {
  const ScoreRange range{.min = static_cast<double>(random.Below(100)),
                         .max = static_cast<double>(random.Below(100)),
                         .min_open = random.Below(2) == 0,
                         .max_open = random.Below(2) == 0};
  const RankRange ranks = z.set.RanksOf(range);
  const size_t first = model.CountBelow(range.min, range.min_open);
  const size_t last = model.CountBelow(range.max, !range.max_open);
  EXPECT_EQ(ranks.size(), last > first ? last - first : 0);
  EXPECT_TRUE(ranks.empty() || ranks.first == first);
  Scored reversed;
  z.set.Walk({0, z.set.size()}, true,
             [&](std::string_view m, double score) { reversed.emplace_back(m, score); });
  Scored expected = model.All();
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(reversed, expected);
}

void Disturb(Owned& z, Model& model, const SortedSetLimits& limits, uint64_t names,
             Random& random) {
  const std::string member = "m" + std::to_string(random.Below(names));
  const uint64_t dice = random.Below(100);
  if (dice < 70 || model.size() == 0) {
    const auto score = static_cast<double>(random.Below(100));
    z.set.Put(member, score, limits);
    model.Put(member, score);
  } else if (dice < 98) {
    z.set.Remove(member);
    model.Remove(member);
  } else {
    const size_t first = random.Below(model.size());
    const size_t last = first + random.Below(model.size() - first) / 2 + 1;
    z.set.RemoveRanks({first, last});
    model.RemoveRanks(first, last);
  }
}

TEST(SortedSet, AgreesWithAModelInBothForms) {
  const SortedSetLimits packed{.members = 100, .member_bytes = 64};
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const bool large = seed % 2 == 0;
    Owned z;
    Model model;
    const size_t empty_bytes = z.entry->MemoryBytes();
    for (int i = 0; i < 3000; ++i) {
      Disturb(z, model, large ? kLimits : packed, large ? 4000 : 80, random);
      if (i % 500 != 0) continue;
      Compare(z, model);
      CheckRanges(z, model, random);
    }
    EXPECT_EQ(z.set.is_packed(), !large);
    z.set.RemoveRanks({0, z.set.size()});
    while (z.set.Sweep(100)) {
    }
    EXPECT_TRUE(z.entry->IsEmptyCollection());
    EXPECT_LE(z.entry->MemoryBytes(), empty_bytes + sizeof(LargeSortedSet) + 64);
  }
}

// --- Ranges that are swept later ----------------------------------------------------------------

Owned Thousands(int n) {
  return Owned([n] {
    Entry* entry = Entry::NewCollection("key", Type::kSortedSet);
    SortedSet set(*entry);
    for (int i = 0; i < n; ++i) set.Put("m" + std::to_string(i), i, kLimits);
    return entry;
  }());
}

TEST(SortedSet, ForgetsARemovedRangeAtOnceAndFreesItLater) {
  Owned z = Thousands(20000);
  const size_t before = z.entry->MemoryBytes();
  z.set.RemoveRanks({1000, 19000});
  EXPECT_EQ(z.set.size(), 2000u);
  EXPECT_GT(z.entry->MemoryBytes(), before * 9 / 10);
  EXPECT_EQ(z.set.Score("m999"), 999);
  EXPECT_EQ(z.set.Score("m5000"), std::nullopt);
  EXPECT_FALSE(z.set.Remove("m5000"));
  size_t scanned = 0;
  uint64_t cursor = 0;
  do {
    cursor = z.set.Scan(cursor, [&](std::string_view, double) { ++scanned; });
  } while (cursor != 0);
  EXPECT_EQ(scanned, 2000u);
  while (z.set.Sweep(1000)) {
  }
  EXPECT_LT(z.entry->MemoryBytes(), before / 5);
  EXPECT_EQ(z.set.Score("m999"), 999);
}

TEST(SortedSet, TakesAMemberBackWhoseOldRecordIsNotSweptYet) {
  Owned z = Thousands(20000);
  z.set.RemoveRanks({0, 19990});
  EXPECT_EQ(z.set.Put("m7", 7, kLimits), SortedSet::Outcome::kAdded);  // Just as it was.
  EXPECT_EQ(z.set.Put("m8", -1, kLimits), SortedSet::Outcome::kAdded);
  EXPECT_EQ(z.set.Put("m9", 9, kLimits), SortedSet::Outcome::kAdded);
  EXPECT_TRUE(z.set.Remove("m9"));
  while (z.set.Sweep(100)) {
  }
  EXPECT_EQ(z.set.size(), 12u);
  EXPECT_EQ(z.set.Score("m7"), 7);
  EXPECT_EQ(z.set.Score("m8"), -1);
  EXPECT_EQ(z.set.Score("m9"), std::nullopt);
}

TEST(SortedSet, IsFreedAndCopiedWithRangesStillToSweep) {
  Owned z = Thousands(20000);
  z.set.RemoveRanks({10, 19990});
  Owned copy(Entry::Copy(z.entry, "other", kNoExpiry));
  EXPECT_EQ(All(copy.set), All(z.set));
}

TEST(SortedSet, ScanSeesWhatIsThereThroughout) {
  Random random(5);
  Owned z = Thousands(3000);
  std::set<std::string> seen;
  uint64_t cursor = 0;
  int next = 3000;
  do {
    cursor = z.set.Scan(cursor, [&](std::string_view m, double) { seen.emplace(m); });
    for (int i = 0; i < 40; ++i) {  // Odd ones go, others come, even ones change their scores.
      z.set.Remove("m" + std::to_string(2 * random.Below(1500) + 1));
      z.set.Put("m" + std::to_string(next++), 1, kLimits);
      z.set.Put("m" + std::to_string(2 * random.Below(1500)), random.Unit(), kLimits);
    }
  } while (cursor != 0);
  for (int i = 0; i < 3000; i += 2) EXPECT_TRUE(seen.contains("m" + std::to_string(i))) << i;
}

// --- Building -----------------------------------------------------------------------------------

TEST(SortedSetBuilder, SortsAndPicksTheForm) {
  for (const int n : {0, 3, 8, 9, 500}) {
    SortedSetBuilder builder;
    for (int i = n; i-- > 0;) builder.Add("m" + std::to_string(i), i / 2);
    EXPECT_EQ(builder.size(), static_cast<size_t>(n));
    const Owned z(builder.Build("key", kLimits));
    EXPECT_EQ(z.set.size(), static_cast<size_t>(n));
    EXPECT_EQ(z.set.is_packed(), n <= 8);
    const Scored all = All(z.set);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::pair(a.second, a.first) < std::pair(b.second, b.first);
    }));
    EXPECT_EQ(z.entry->IsEmptyCollection(), n == 0);
  }
  SortedSetBuilder wide;
  wide.Add(std::string(17, 'x'), 1);
  EXPECT_FALSE(Owned(wide.Build("key", kLimits)).set.is_packed());
}

TEST(SortedSetBuilder, MergesScores) {
  SortedSetBuilder builder;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) {
      builder.Merge(std::to_string(i), i, [](double have, double more) { return have + more; });
    }
  }
  const Owned z(builder.Build("key", kLimits));
  EXPECT_EQ(z.set.size(), 100u);
  EXPECT_EQ(z.set.Score("7"), 21);
  EXPECT_EQ(z.set.Find("99")->rank, 99u);
  EXPECT_GT(z.entry->MemoryBytes(), 100 * (16 + 12 + 10u));  // Records, tree and table.
}

// Whatever order they come in, and however often: also while some wait to be merged.
TEST(SortedSetBuilder, AgreesWithAMap) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    const uint64_t names = 1 + random.Below(2000);
    SortedSetBuilder builder;
    if (seed % 2 == 0) builder.Expect(names);
    std::map<std::string, double> model;
    for (uint64_t i = 0; i < 2 * names; ++i) {
      const std::string name = "m" + std::to_string(random.Below(names));
      const double score = static_cast<double>(random.Below(100)) - 50;
      builder.Merge(name, score, [](double have, double more) { return 2 * have + more; });
      const auto [at, is_new] = model.try_emplace(name, score);
      if (!is_new) at->second = 2 * at->second + score;
      if (random.Below(100) == 0) {
        EXPECT_EQ(builder.size(), model.size());
      }
    }
    std::vector<std::pair<double, std::string>> sorted;
    for (const auto& [name, score] : model) sorted.emplace_back(score, name);
    std::sort(sorted.begin(), sorted.end());
    const Owned z(builder.Build("key", kLimits));
    ASSERT_EQ(z.set.size(), sorted.size());
    size_t rank = 0;
    z.set.ForEach([&](std::string_view member, double score) {
      EXPECT_EQ(std::pair(score, std::string(member)), sorted[rank]);
      ++rank;
    });
    for (const auto& [name, score] : model) ASSERT_EQ(z.set.Score(name), score);
  }
}

TEST(SortedSetBuilder, FreesWhatIsNotBuilt) {
  SortedSetBuilder merging;
  for (int i = 0; i < 20; ++i) {
    merging.Merge(std::to_string(i % 3), 1, [](double a, double b) { return a + b; });
  }
  SortedSetBuilder builder;
  builder.Add("a", 1);
}

}  // namespace
}  // namespace henge::store
