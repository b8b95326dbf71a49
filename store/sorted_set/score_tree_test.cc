// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/score_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace henge::store {
namespace {

using Bound = ScoreTree::Bound;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Before {
  bool operator()(const Member* a, const Member* b) const {
    return a->score() != b->score() ? a->score() < b->score() : a->bytes() < b->bytes();
  }
};

// A tree beside a std::set of the same members.
class Pair {
 public:
  ~Pair() {
    tree.Clear([](Member* member) { Member::Free(member); });
    EXPECT_EQ(tree.MemoryBytes(), 0u);
  }
  Member* Insert(double score, const std::string& bytes) {
    Member* member = Member::New(score, bytes);
    if (!model.insert(member).second) {
      Member::Free(member);
      return nullptr;
    }
    tree.Insert(member);
    return member;
  }
  void Erase(Member* member) {
    tree.Erase(member);
    model.erase(member);
    Member::Free(member);
  }
  void Rescore(Member* member, double score) {
    model.erase(member);
    const double old = member->score();
    member->set_score(score);
    const bool taken = model.contains(member);
    member->set_score(old);
    if (!taken) tree.Rescore(member, score);
    model.insert(member);
  }
  void Cut(size_t first, size_t last) {
    ScoreTree::Branch branch = tree.Cut(first, last);
    tree.Verify();
    last = std::min(last, model.size());
    std::set<Member*> gone;
    for (auto at = std::next(model.begin(), first); first < last; ++first) {
      gone.insert(*at);
      at = model.erase(at);
    }
    while (!branch.empty()) {
      tree.Reap(branch, 100, [&](Member* member) {
        EXPECT_EQ(gone.erase(member), 1u);
        Member::Free(member);
      });
    }
    EXPECT_TRUE(gone.empty());
  }
  Member* Any(Random& random) { return *tree.At(random.Below(tree.size())); }
  void Compare() const {
    tree.Verify();
    ASSERT_EQ(tree.size(), model.size());
    auto expected = model.begin();
    for (auto at = tree.First(); at; at.Next(), ++expected) ASSERT_EQ(*at, *expected);
  }
  size_t ModelRank(double score, bool after) const {
    size_t rank = 0;
    for (const Member* m : model) {
      rank += m->score() < score || (after && m->score() == score) ? 1 : 0;
    }
    return rank;
  }

  ScoreTree tree;
  std::set<Member*, Before> model;
};

TEST(Member, KeepsBytesOfAnyLength) {
  for (const size_t size : {0, 1, 7, 254, 255, 256, 70000}) {
    const std::string bytes(size, 'm');
    Member* member = Member::New(1.5, bytes);
    EXPECT_EQ(member->bytes(), bytes);
    EXPECT_EQ(member->score(), 1.5);
    EXPECT_GE(member->MemoryBytes(), size + 9);
    Member::Free(member);
  }
}

TEST(ScoreTree, CostsNothingWhileEmpty) {
  const ScoreTree tree;
  EXPECT_EQ(tree.MemoryBytes(), 0u);
  EXPECT_FALSE(tree.First());
  EXPECT_FALSE(tree.Last());
  EXPECT_EQ(tree.RankOf(Bound::AfterScore(kInfinity)), 0u);
}

TEST(ScoreTree, OrdersByScoreThenBytesThenLength) {
  Pair pair;
  for (const char* bytes : {"b", "a", "ab", "", "\xff", "a\x01"}) {
    for (const double score : {0.0, -1.0, 1.0, kInfinity, -kInfinity}) pair.Insert(score, bytes);
  }
  pair.Compare();
}

TEST(ScoreTree, TakesMinusZeroForZero) {
  Pair pair;
  pair.Insert(0.0, "a");
  pair.Insert(-0.0, "b");
  pair.Insert(0.0, "c");
  pair.Compare();
  EXPECT_EQ(pair.tree.RankOf(Bound::AtScore(-0.0)), 0u);
  EXPECT_EQ(pair.tree.RankOf(Bound::AfterScore(-0.0)), 3u);
}

// How scores are drawn; each stresses the leaves' short keys in another way.
using Draw = double (*)(Random&);
constexpr Draw kDraws[] = {
    [](Random& r) { return static_cast<double>(r.Below(20)); },
    [](Random& r) { return static_cast<double>(r.Below(1000000)); },
    [](Random& r) { return r.Unit(); },
    [](Random& r) { return 1.7e12 + static_cast<double>(r.Below(100000)); },
    [](Random& r) { return std::ldexp(r.Unit() - 0.5, static_cast<int>(r.Below(2000)) - 1000); },
    [](Random&) { return 0.0; },
    [](Random& r) { return r.Below(3) == 0   ? kInfinity
                           : r.Below(2) == 0 ? -kInfinity
                                             : 1.0; },
    [](Random& r) {  // Neighbouring doubles.
      uint64_t bits = 0x3ff0000000000000 + r.Below(500);
      double score;
      std::memcpy(&score, &bits, 8);
      return score;
    },
};

class ScoreTreeDraw : public testing::TestWithParam<int> {};

void Disturb(Pair& pair, Random& random, Draw draw, uint64_t inserts_in_ten) {
  const uint64_t dice = random.Below(10);
  if (dice < inserts_in_ten || pair.tree.empty()) {
    pair.Insert(draw(random), "m" + std::to_string(random.Below(100000)));
  } else if (dice == 9) {
    pair.Rescore(pair.Any(random), draw(random));
  } else {
    pair.Erase(pair.Any(random));
  }
}

TEST_P(ScoreTreeDraw, AgreesWithStdSet) {
  const Draw draw = kDraws[GetParam()];
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Pair pair;
    for (int round = 0; round < 6; ++round) {  // Grows, shrinks, grows again …
      for (int i = 0; i < 4000; ++i) Disturb(pair, random, draw, round % 2 == 0 ? 7 : 2);
      pair.Compare();
    }
  }
}

TEST_P(ScoreTreeDraw, KnowsRanks) {
  Random random(7);
  const Draw draw = kDraws[GetParam()];
  Pair pair;
  for (int i = 0; i < 3000; ++i) Disturb(pair, random, draw, 8);
  size_t rank = 0;
  for (Member* member : pair.model) {
    EXPECT_EQ(pair.tree.RankOf(Bound::AtMember(member->score(), member->bytes())), rank);
    EXPECT_EQ(pair.tree.RankOf(Bound::AfterMember(member->score(), member->bytes())), rank + 1);
    EXPECT_EQ(*pair.tree.At(rank), member);
    EXPECT_TRUE(pair.tree.Contains(member));
    ++rank;
  }
  for (int i = 0; i < 100; ++i) {
    const double score = draw(random);
    EXPECT_EQ(pair.tree.RankOf(Bound::AtScore(score)), pair.ModelRank(score, false));
    EXPECT_EQ(pair.tree.RankOf(Bound::AfterScore(score)), pair.ModelRank(score, true));
  }
}

TEST_P(ScoreTreeDraw, CutsRangesOut) {
  Random random(11);
  const Draw draw = kDraws[GetParam()];
  for (int round = 0; round < 8; ++round) {
    Pair pair;
    const int n = round < 5 ? 300 : 20000;
    for (int i = 0; i < n; ++i) pair.Insert(draw(random), "m" + std::to_string(i));
    while (!pair.tree.empty()) {
      const size_t first = random.Below(pair.tree.size());
      const size_t most = random.Below(3) == 0 ? 5 : pair.tree.size();
      pair.Cut(first, first + random.Below(most) + 1);
      pair.Compare();
      for (int i = 0; i < 100; ++i) Disturb(pair, random, draw, 3);
      pair.Compare();
      if (pair.tree.size() < 200) pair.Cut(0, pair.tree.size());
    }
  }
}

TEST_P(ScoreTreeDraw, IsBuiltAtOnceFromWhatIsInOrder) {
  const Draw draw = kDraws[GetParam()];
  for (const int n : {0, 1, 60, 61, 62, 122, 123, 61 * 63, 61 * 63 + 1, 20'000}) {
    SCOPED_TRACE(n);
    Random random(static_cast<uint64_t>(n) + 1);
    Pair pair;
    for (int i = 0; i < n; ++i) pair.model.insert(Member::New(draw(random), std::to_string(i)));
    const std::vector<Member*> sorted(pair.model.begin(), pair.model.end());
    pair.tree.Build(sorted);
    pair.Compare();
    for (int i = 0; i < 3000; ++i) Disturb(pair, random, draw, i < 1500 ? 7 : 2);
    pair.Compare();
  }
}

INSTANTIATE_TEST_SUITE_P(Draws, ScoreTreeDraw, testing::Range(0, 8));

TEST(ScoreTree, OrdersByNameWhereScoresAreEqual) {
  Pair pair;
  for (int i = 0; i < 5000; ++i) pair.Insert(0, "m" + std::to_string(i));
  std::map<std::string, size_t> ranks;
  for (const Member* m : pair.model) ranks.emplace(m->bytes(), ranks.size());
  for (const auto& [name, rank] : ranks) {
    EXPECT_EQ(pair.tree.RankOf(Bound::AtName(name)), rank);
    EXPECT_EQ(pair.tree.RankOf(Bound::AfterName(name)), rank + 1);
  }
  EXPECT_EQ(pair.tree.RankOf(Bound::AtName("")), 0u);
  EXPECT_EQ(pair.tree.RankOf(Bound::AfterName("n")), 5000u);
}

TEST(ScoreTree, IsDenseWhenMembersArriveInOrder) {
  for (const int direction : {1, -1}) {
    Pair pair;
    for (int i = 0; i < 100000; ++i) pair.Insert(i * direction, "m");
    pair.Compare();
    EXPECT_LT(pair.tree.MemoryBytes(), 100000u * 14);
  }
}

TEST(ScoreTree, IsDenseWhenMembersArriveInAnyOrder) {
  Random random(3);
  Pair pair;
  for (int i = 0; i < 200000; ++i) pair.Insert(random.Unit(), "m");
  pair.tree.Verify();
  EXPECT_LT(pair.tree.MemoryBytes(), 200000u * 17);
}

TEST(ScoreTree, CutsWithoutTouchingWhatIsCut) {
  Pair pair;
  for (int i = 0; i < 100000; ++i) pair.Insert(i, "m");
  const size_t bytes = pair.tree.MemoryBytes();
  ScoreTree::Branch branch = pair.tree.Cut(100, 90000);
  EXPECT_NEAR(static_cast<double>(pair.tree.MemoryBytes()), static_cast<double>(bytes), 8000);
  EXPECT_EQ(pair.tree.size(), 100000u - 89900);
  EXPECT_EQ((*pair.tree.At(100))->score(), 90000);
  size_t reaped = 0;
  while (!branch.empty()) pair.tree.Reap(branch, 64, [&](Member*) { ++reaped; });
  EXPECT_EQ(reaped, 89900u);
  EXPECT_LT(pair.tree.MemoryBytes(), bytes / 5);
  for (auto at = std::next(pair.model.begin(), 100); reaped-- > 0;) {
    Member::Free(*at);
    at = pair.model.erase(at);
  }
  pair.Compare();
}

}  // namespace
}  // namespace henge::store
