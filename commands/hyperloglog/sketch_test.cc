// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "commands/hyperloglog/self_check.h"

namespace henge::commands::hll {
namespace {

constexpr size_t kSparseMax = 3000;

// The models work register by register and bit by bit.
using Ranks = std::vector<uint8_t>;

Hit RandomHit(Random& random, uint32_t registers = kRegisters) {
  return HitOf(std::to_string(random.Below(uint64_t{registers} * 8)));
}

Ranks RanksOf(std::string_view value) {
  Registers registers{};
  EXPECT_TRUE(MergeInto(value, registers));
  return {registers.ranks.begin(), registers.ranks.end()};
}

std::string ValueOf(const std::vector<Hit>& hits, size_t sparse_max = kSparseMax) {
  Sketch sketch(EmptySketch(), sparse_max);
  for (const Hit& hit : hits) EXPECT_NE(sketch.Raise(hit), Sketch::Outcome::kDamaged);
  return std::move(sketch).Take();
}

std::vector<Hit> RandomHits(Random& random, size_t count) {
  std::vector<Hit> hits;
  for (size_t i = 0; i < count; ++i) hits.push_back(RandomHit(random));
  return hits;
}

uint8_t NaiveRank(const uint8_t* bytes, uint32_t index) {
  int rank = 0;
  for (uint32_t i = 0; i < kRegisterBits; ++i) {
    const uint32_t bit = index * kRegisterBits + i;
    rank |= (bytes[bit / 8] >> bit % 8 & 1) << i;
  }
  return static_cast<uint8_t>(rank);
}

// The estimator as the paper has it, in long doubles and with sums cut off late.
double PaperEstimate(const Histogram& histogram) {
  const auto m = static_cast<long double>(kRegisters);
  const int q = kMaxRank - 1;
  long double x = histogram[0] / m;
  long double sigma = x;
  for (int k = 1; k < 60; ++k) {
    sigma += std::pow(x, std::pow(2.0L, k)) * std::pow(2.0L, k - 1);
  }
  x = 1 - histogram[kMaxRank] / m;
  long double tau = 1 - x;
  for (int k = 1; k < 60; ++k) {
    tau -= std::pow(1 - std::pow(x, std::pow(2.0L, -k)), 2.0L) * std::pow(2.0L, -k);
  }
  tau /= 3;
  long double sum = m * sigma + m * tau * std::pow(2.0L, -q);
  for (int k = 1; k <= q; ++k) sum += histogram[k] * std::pow(2.0L, -k);
  return static_cast<double>(m * m / (2 * std::log(2.0L)) / sum);
}

TEST(Hash, IsMurmurHash64A) {
  // Worked out by a second implementation, under Redis's seed.
  constexpr uint64_t kSeed = 0xadc83b19;
  EXPECT_EQ(MurmurHash64A("", kSeed), 0xd8dfea6585bc9732);
  EXPECT_EQ(MurmurHash64A("a", kSeed), 0x53d2470a9b43b1a7);
  EXPECT_EQ(MurmurHash64A("hello", kSeed), 0x0f656f01eecfe400);
  EXPECT_EQ(MurmurHash64A("12345678", kSeed), 0x95ebb86389132953);
  EXPECT_EQ(MurmurHash64A("The quick brown fox", kSeed), 0xb8cb2a48ba03f3e4);
  const std::string text = "The quick brown fox jumps over the lazy dog";
  Random random(1);
  for (size_t size = 0; size <= text.size(); ++size) {
    // Whatever stands behind the bytes does not matter.
    std::string padded = text.substr(0, size) + std::to_string(random.Next());
    EXPECT_EQ(MurmurHash64A(std::string_view(padded).substr(0, size), 7),
              MurmurHash64A(text.substr(0, size), 7));
  }
}

TEST(Hash, RanksCountTheZerosBehindTheIndex) {
  std::vector<int> seen(kMaxRank + 1, 0);
  for (int i = 0; i < 100'000; ++i) {
    const Hit hit = HitOf(std::to_string(i));
    ASSERT_LT(hit.index, kRegisters);
    ASSERT_GE(hit.rank, 1);
    ASSERT_LE(hit.rank, kMaxRank);
    ++seen[hit.rank];
  }
  for (int rank = 1; rank <= 6; ++rank) {  // Each half as often as the one before.
    EXPECT_NEAR(seen[rank], 100'000 >> rank, 600) << rank;
  }
}

TEST(Layout, KnowsItsOwn) {
  EXPECT_EQ(EmptySketch().size(), 18u);
  EXPECT_EQ(FormOf(EmptySketch()), Form::kSparse);
  EXPECT_EQ(CachedCount(EmptySketch()), 0u);
  std::string value(EmptySketch());
  EXPECT_FALSE(FormOf(value.substr(0, 15)));
  EXPECT_EQ(FormOf(value.substr(0, 16)), Form::kSparse);
  value[4] = 0;
  EXPECT_FALSE(FormOf(value));
  value.resize(kDenseSize);
  EXPECT_EQ(FormOf(value), Form::kDense);
  value.push_back(0);
  EXPECT_FALSE(FormOf(value));
  value[4] = 2;
  EXPECT_FALSE(FormOf(value));
  value[4] = 1;
  value[0] = 'h';
  EXPECT_FALSE(FormOf(value));
}

TEST(Layout, KeepsCountsUpTo63Bits) {
  std::string value(EmptySketch());
  for (const uint64_t count : {uint64_t{0}, uint64_t{1}, uint64_t{0x0123456789abcdef}}) {
    StoreCount(value.data(), count);
    EXPECT_EQ(CachedCount(value), count);
  }
  ForgetCount(value.data());
  EXPECT_FALSE(CachedCount(value));
  StoreCount(value.data(), kUnbounded);
  EXPECT_FALSE(CachedCount(value));
}

TEST(Dense, RegistersAreSixBitsFromTheLowEnd) {
  Random random(2);
  std::vector<uint8_t> bytes(kDenseBytes);
  Ranks model(kRegisters);
  for (int i = 0; i < 200'000; ++i) {
    const auto index = static_cast<uint32_t>(random.Below(kRegisters));
    const auto rank = static_cast<uint8_t>(random.Below(64));
    SetDenseRank(bytes.data(), index, rank);
    model[index] = rank;
  }
  for (uint32_t i = 0; i < kRegisters; ++i) {
    ASSERT_EQ(DenseRank(bytes.data(), i), model[i]);
    ASSERT_EQ(NaiveRank(bytes.data(), i), model[i]);
  }
}

TEST(Dense, WholesaleWorkAgreesWithSingleRegisters) {
  Random random(3);
  for (int round = 0; round < 20; ++round) {
    std::vector<uint8_t> bytes(kDenseBytes);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Next());
    Registers registers{};
    for (uint8_t& rank : registers.ranks) rank = static_cast<uint8_t>(random.Below(64));
    Registers merged = registers;
    MergeDense(bytes.data(), merged);
    Histogram histogram{};
    Histogram of_merged{};
    for (uint32_t i = 0; i < kRegisters; ++i) {
      ASSERT_EQ(merged.ranks[i], std::max(registers.ranks[i], NaiveRank(bytes.data(), i)));
      ++histogram[NaiveRank(bytes.data(), i)];
      ++of_merged[merged.ranks[i]];
    }
    EXPECT_EQ(DenseHistogram(bytes.data()), histogram);
    EXPECT_EQ(HistogramOf(merged), of_merged);
    std::vector<uint8_t> packed(kDenseBytes, 0xee);
    PackDense(merged, packed.data());
    for (uint32_t i = 0; i < kRegisters; ++i) {
      ASSERT_EQ(NaiveRank(packed.data(), i), merged.ranks[i]);
    }
  }
}

TEST(Dense, CountsRegistersThatAreAllOfOneRank) {
  for (const uint8_t byte : {uint8_t{0}, uint8_t{255}}) {
    const std::vector<uint8_t> bytes(kDenseBytes, byte);
    Histogram all{};
    all[byte & 63] = kRegisters;
    EXPECT_EQ(DenseHistogram(bytes.data()), all);
  }
}

TEST(Estimate, IsThePapers) {
  Random random(4);
  Registers registers{};
  for (int i = 0; i < 3'000'000; ++i) {
    const Hit hit = HitOf(std::to_string(i));
    registers.ranks[hit.index] = std::max(registers.ranks[hit.index], hit.rank);
    if (i % 99'991 != 0 && (i > 1000 || i % 7 != 0)) continue;
    const Histogram histogram = HistogramOf(registers);
    EXPECT_NEAR(static_cast<double>(Estimate(histogram)), PaperEstimate(histogram),
                0.51 + 1e-9 * i);
  }
  for (int round = 0; round < 100; ++round) {  // Any distribution, high ranks included.
    Histogram histogram{};
    const auto ranks = static_cast<uint32_t>(random.Below(kMaxRank) + 1);
    for (uint32_t i = 0; i < kRegisters; ++i) ++histogram[random.Below(ranks + 1)];
    const double expected = PaperEstimate(histogram);
    EXPECT_NEAR(static_cast<double>(Estimate(histogram)), expected, 0.51 + 1e-9 * expected);
  }
}

TEST(Estimate, OfNothingIsZeroAndOfTheImpossibleIsDefined) {
  Histogram histogram{};
  histogram[0] = kRegisters;
  EXPECT_EQ(Estimate(histogram), 0u);
  histogram = {};
  histogram[63] = kRegisters;
  EXPECT_EQ(Estimate(histogram), kUnbounded);
  histogram = {};
  histogram[kMaxRank - 1] = kRegisters;
  EXPECT_EQ(Estimate(histogram), kUnbounded);
}

TEST(Sparse, ReadsEachKindOfRun) {
  const auto run = FirstRun("\x7f\xff");
  EXPECT_EQ(run->registers, 16384u);
  EXPECT_EQ(run->bytes, 2);
  EXPECT_EQ(FirstRun("\x3f")->registers, 64u);
  EXPECT_EQ(FirstRun("\xff")->registers, 4u);
  EXPECT_EQ(FirstRun("\xff")->rank, 32);
  EXPECT_EQ(FirstRun("\x80")->rank, 1);
  EXPECT_FALSE(FirstRun("\x7f"));
  EXPECT_FALSE(FirstRun(""));
}

TEST(Sparse, HoldsWhatIsRaisedInAnyOrder) {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    std::string value(EmptySketch());
    SparseEditor editor(value, kMaxSparseSize);
    Ranks model(kRegisters);
    // Few registers, for neighbours that join; or ascending, as PFMERGE does.
    const uint32_t near = round % 2 == 0 ? 40 : kRegisters;
    std::vector<Hit> hits;
    for (int i = 0; i < 300; ++i) {
      hits.push_back({static_cast<uint16_t>(random.Below(near)),
                      static_cast<uint8_t>(random.Below(round % 3 == 0 ? 2 : 32) + 1)});
    }
    if (round % 4 >= 2) {
      std::ranges::sort(hits, [](const Hit& a, const Hit& b) { return a.index < b.index; });
    }
    for (const Hit& hit : hits) {
      const auto expected = model[hit.index] < hit.rank ? SparseEditor::Outcome::kRaised
                                                        : SparseEditor::Outcome::kUnchanged;
      ASSERT_EQ(editor.Raise(hit), expected);
      model[hit.index] = std::max(model[hit.index], hit.rank);
    }
    ASSERT_EQ(RanksOf(value), model);
  }
}

TEST(Sparse, ResumingFindsTheSameRunsAsStartingAnew) {
  Random random(6);
  for (int round = 0; round < 300; ++round) {
    std::vector<Hit> hits;
    for (int i = 0; i < 120; ++i) {
      hits.push_back({static_cast<uint16_t>(random.Below(round % 2 == 0 ? 60 : kRegisters)),
                      static_cast<uint8_t>(random.Below(3) + 1)});
    }
    if (round % 3 != 0) {
      std::ranges::sort(hits, [](const Hit& a, const Hit& b) { return a.index < b.index; });
    }
    std::string resumed(EmptySketch());
    std::string anew(EmptySketch());
    SparseEditor editor(resumed, kMaxSparseSize);
    for (const Hit& hit : hits) {
      ASSERT_EQ(editor.Raise(hit), SparseEditor(anew, kMaxSparseSize).Raise(hit));
      ASSERT_EQ(resumed, anew);
    }
  }
}

TEST(Sparse, JoinsNeighboursOfOneRankUpToFour) {
  std::string value(EmptySketch());
  SparseEditor editor(value, kSparseMax);
  for (uint16_t i = 0; i < 6; ++i) editor.Raise({i, 1});
  // Four of rank 1, two of rank 1, zeros.
  EXPECT_EQ(value.substr(kHeaderSize), "\x83\x81\x7f\xf9");
  editor.Raise({2, 5});
  EXPECT_EQ(value.substr(kHeaderSize), "\x81\x90\x82\x7f\xf9");
}

TEST(Sparse, RefusesWhatItCannotHold) {
  std::string value(EmptySketch());
  EXPECT_EQ(SparseEditor(value, kSparseMax).Raise({0, 33}), SparseEditor::Outcome::kNeedsDense);
  EXPECT_EQ(SparseEditor(value, 20).Raise({100, 1}), SparseEditor::Outcome::kNeedsDense);
  EXPECT_EQ(value, EmptySketch());
  EXPECT_EQ(SparseEditor(value, 21).Raise({100, 1}), SparseEditor::Outcome::kRaised);
  EXPECT_EQ(value.size(), 21u);
}

TEST(Sparse, DamageIsFound) {
  const std::string head(EmptySketch().substr(0, kHeaderSize));
  for (const std::string_view runs :
       {std::string_view(""), std::string_view("\x7f"), std::string_view("\x7f\xfe"),
        std::string_view("\x7f\xff\x80"), std::string_view("\x7f\xff\0", 3)}) {
    const std::string value = head + std::string(runs);
    EXPECT_FALSE(Count(value));
    EXPECT_FALSE(DenseFromSparse(value));
  }
  std::string cut = head + "\x3f";
  EXPECT_EQ(SparseEditor(cut, kSparseMax).Raise({64, 1}), SparseEditor::Outcome::kDamaged);
  cut += "\x7f";
  EXPECT_EQ(SparseEditor(cut, kSparseMax).Raise({64, 1}), SparseEditor::Outcome::kDamaged);
}

TEST(Sketch, BothFormsCountTheSame) {
  Random random(7);
  for (const size_t elements : {0, 1, 10, 100, 1000, 5000}) {
    const auto hits = RandomHits(random, elements);
    const std::string sparse = ValueOf(hits, kMaxSparseSize);
    const std::string dense = ValueOf(hits, 0);
    EXPECT_EQ(FormOf(sparse), Form::kSparse);
    EXPECT_EQ(FormOf(dense), elements == 0 ? Form::kSparse : Form::kDense);
    EXPECT_EQ(RanksOf(sparse), RanksOf(dense));
    EXPECT_EQ(Count(sparse), Count(dense));
    if (elements > 0) {
      EXPECT_EQ(*DenseFromSparse(sparse), dense);
    }
  }
}

TEST(Sketch, AUnionCountsLikeASketchOfAll) {
  Random random(8);
  const auto some = RandomHits(random, 700);
  const auto more = RandomHits(random, 20'000);
  auto all = some;
  all.insert(all.end(), more.begin(), more.end());
  Registers registers{};
  ASSERT_TRUE(MergeInto(ValueOf(some), registers));
  ASSERT_TRUE(MergeInto(ValueOf(more), registers));
  EXPECT_EQ(CountOf(registers), Count(ValueOf(all)));
}

TEST(Sketch, TurnsDenseByRankAndBySize) {
  Sketch high(EmptySketch(), kSparseMax);
  EXPECT_EQ(high.Raise({5, 3}), Sketch::Outcome::kRaised);
  EXPECT_EQ(high.Raise({7, 33}), Sketch::Outcome::kRaised);
  EXPECT_EQ(FormOf(high.value()), Form::kDense);
  EXPECT_EQ(high.Raise({5, 3}), Sketch::Outcome::kUnchanged);
  Ranks expected(kRegisters);
  expected[5] = 3;
  expected[7] = 33;
  EXPECT_EQ(RanksOf(std::move(high).Take()), expected);

  Random random(9);
  Sketch large(EmptySketch(), kSparseMax);
  size_t size = 0;
  while (FormOf(large.value()) == Form::kSparse) {
    size = large.value().size();
    ASSERT_NE(large.Raise(RandomHit(random)), Sketch::Outcome::kDamaged);
  }
  EXPECT_LE(size, kSparseMax);
  EXPECT_GT(size, kSparseMax - 3);
}

TEST(Sketch, AnyBytesAreReadSafely) {
  Random random(10);
  for (int round = 0; round < 3000; ++round) {
    std::string value = ValueOf(RandomHits(random, random.Below(300)));
    for (uint64_t i = random.Below(4); i > 0; --i) {
      value[kHeaderSize + random.Below(value.size() - kHeaderSize)] =
          static_cast<char>(random.Next());
    }
    value.resize(value.size() - random.Below(3));
    const bool whole = Count(value).has_value();
    Registers registers{};
    EXPECT_EQ(MergeInto(value, registers), whole);
    EXPECT_EQ(DenseFromSparse(value).has_value(), whole);
    Sketch sketch(value, kSparseMax);
    for (int i = 0; i < 20; ++i) {
      if (sketch.Raise(RandomHit(random)) == Sketch::Outcome::kDamaged) {
        EXPECT_FALSE(whole);
        break;
      }
    }
  }
}

TEST(SelfCheck, Passes) {
  Random random(11);
  for (const size_t sparse_max : {0, 100, 3000, 20'000}) {
    EXPECT_EQ(SelfCheck(random, sparse_max), "");
  }
}

}  // namespace
}  // namespace henge::commands::hll
