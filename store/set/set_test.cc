// SPDX-License-Identifier: Apache-2.0
#include "store/set/set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace henge::store {
namespace {

class SetTest : public ::testing::Test {
 protected:
  ~SetTest() override { Entry::Free(entry_); }

  Set set() { return {*entry_, limits_}; }
  Encoding encoding() const { return entry_->encoding(); }
  std::set<std::string> All() {
    std::set<std::string> all;
    set().ForEach([&](const SetElement& element) {
      SetElement::Digits digits;
      EXPECT_TRUE(all.emplace(element.Text(digits)).second);
    });
    EXPECT_EQ(all.size(), set().size());
    return all;
  }
  void Fill(Encoding wanted, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      set().Add(wanted == Encoding::kIntset ? std::to_string(i) : "m" + std::to_string(i));
    }
    if (wanted == Encoding::kHashtable) {
      set().Add(std::string(65, 'x'));
      set().Remove(std::string(65, 'x'));
    }
    EXPECT_EQ(encoding(), wanted);
  }

  EncodingLimits limits_;
  Entry* entry_ = Entry::NewCollection("key", Type::kSet);
};

TEST_F(SetTest, StaysAnIntsetUpToItsLimit) {
  for (int i = 0; i < 512; ++i) EXPECT_TRUE(set().Add(std::to_string(i)));
  EXPECT_EQ(encoding(), Encoding::kIntset);
  EXPECT_FALSE(set().Add("7"));
  EXPECT_TRUE(set().Add("-1"));
  EXPECT_EQ(encoding(), Encoding::kHashtable);
  EXPECT_EQ(set().size(), 513u);
  EXPECT_TRUE(set().Contains("-1"));
}

TEST_F(SetTest, AddingTextToAnIntsetMakesAListpackWhereItFits) {
  for (int i = 0; i < 127; ++i) set().Add(std::to_string(i));
  set().Add("a");
  EXPECT_EQ(encoding(), Encoding::kListpack);
  EXPECT_FALSE(set().Add("5"));
  set().Add("b");
  EXPECT_EQ(encoding(), Encoding::kHashtable);
  EXPECT_EQ(set().size(), 129u);
}

TEST_F(SetTest, AddingTextToAnIntsetMakesATableWhereItIsTooLongOrTooMany) {
  set().Add("1");
  set().Add(std::string(65, 'x'));
  EXPECT_EQ(encoding(), Encoding::kHashtable);
  EXPECT_EQ(All(), (std::set<std::string>{"1", std::string(65, 'x')}));
}

TEST_F(SetTest, LongDigitsCountForTheListpackToo) {
  limits_.set_max_listpack_value = 5;
  set().Add("123456");
  set().Add("a");
  EXPECT_EQ(encoding(), Encoding::kHashtable);
}

TEST_F(SetTest, ExpectedSizeDecidesTheFirstEncoding) {
  set().Expect("1", 512);
  EXPECT_EQ(encoding(), Encoding::kIntset);
  set().Expect("a", 128);
  EXPECT_EQ(encoding(), Encoding::kListpack);
  set().Add("a");
  set().Expect("a", 129);
  EXPECT_EQ(encoding(), Encoding::kHashtable);
}

TEST_F(SetTest, TooManyExpectedIntegersMakeAListpackOrATable) {
  limits_.set_max_intset_entries = 3;
  set().Expect("1", 4);
  EXPECT_EQ(encoding(), Encoding::kListpack);
}

TEST_F(SetTest, BecomesAnIntsetOnDemand) {
  Fill(Encoding::kListpack, 1);
  set().Remove("m0");
  for (const char* digits : {"30", "-4", "100000"}) set().Add(digits);
  EXPECT_EQ(encoding(), Encoding::kListpack);
  set().BecomeIntset();
  EXPECT_EQ(encoding(), Encoding::kIntset);
  EXPECT_EQ(All(), (std::set<std::string>{"-4", "30", "100000"}));
}

TEST_F(SetTest, AgreesWithAStdSetInEveryEncoding) {
  Random random(7);
  for (int round = 0; round < 60; ++round) {
    std::set<std::string> model;
    limits_.set_max_listpack_entries = random.Below(2) == 0 ? 20 : 128;
    const bool texts = random.Below(2) == 0;
    for (uint64_t i = 0, steps = random.Below(900); i < steps; ++i) {
      std::string member = std::to_string(random.Below(400));
      if (texts && random.Below(8) == 0) member += std::string(random.Below(300), 'x');
      if (random.Below(3) == 0) {
        EXPECT_EQ(set().Remove(member), model.erase(member) == 1);
      } else {
        EXPECT_EQ(set().Add(member), model.insert(member).second);
      }
      EXPECT_EQ(set().Contains(member), model.contains(member));
    }
    EXPECT_EQ(All(), model);
    Entry* copy = Entry::Copy(entry_, "copy", kNoExpiry);
    EXPECT_EQ(copy->encoding(), encoding());
    Entry::Free(entry_);
    entry_ = copy;
    EXPECT_EQ(All(), model);
    if (!model.empty()) {
      size_t popped = 0;
      set().PopAll([&](const SetElement&) { ++popped; });
      EXPECT_EQ(popped, model.size());
    }
    EXPECT_TRUE(set().empty());
  }
}

TEST_F(SetTest, CountsItsMemory) {
  Fill(Encoding::kHashtable, 1000);
  const size_t before = entry_->MemoryBytes();
  for (int i = 0; i < 100; ++i) set().Add("another" + std::to_string(i));
  EXPECT_GE(entry_->MemoryBytes(), before + 100 * AllocationSize(10));
  for (int i = 0; i < 100; ++i) set().Remove("another" + std::to_string(i));
  EXPECT_LE(entry_->MemoryBytes(), before + 4096);  // Buckets may have grown.
  EXPECT_EQ(entry_->FreeEffort(), 1000u);
}

TEST_F(SetTest, ScanReturnsEachMemberThatStaysOnce) {
  Fill(Encoding::kHashtable, 5000);
  std::map<std::string, int> seen;
  uint64_t cursor = 0;
  int step = 0;
  do {
    cursor = set().Scan(cursor, [&](const SetElement& element) {
      ++seen[std::string(element.data, element.size)];
    });
    for (int i = 0; i < 20; ++i) set().Add("new" + std::to_string(20 * step + i));
    ++step;
  } while (cursor != 0);
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(seen["m" + std::to_string(i)], 1);
}

class SetSampleTest : public SetTest, public ::testing::WithParamInterface<Encoding> {};

TEST_P(SetSampleTest, SamplesAreDistinctMembers) {
  Fill(GetParam(), 100);
  Random random(3);
  for (const size_t count : {1, 10, 50, 99, 100, 1000}) {
    std::set<std::string> sample;
    set().Sample(count, random, [&](const SetElement& element) {
      SetElement::Digits digits;
      EXPECT_TRUE(set().Contains(element));
      EXPECT_TRUE(sample.emplace(element.Text(digits)).second);
    });
    EXPECT_EQ(sample.size(), std::min<size_t>(count, 100));
  }
}

TEST_P(SetSampleTest, EveryMemberIsAsLikely) {
  Fill(GetParam(), 64);
  Random random(11);
  for (const size_t count : {1, 5, 40}) {
    std::map<std::string, double> hits;
    for (size_t drawn = 0; drawn < 64'000; drawn += count) {
      set().Sample(count, random, [&](const SetElement& element) {
        SetElement::Digits digits;
        ++hits[std::string(element.Text(digits))];
      });
    }
    double chi_square = 0;
    for (const auto& [member, n] : hits) chi_square += (n - 1000) * (n - 1000) / 1000;
    EXPECT_EQ(hits.size(), 64u);
    EXPECT_LT(chi_square, 110);  // 63 degrees of freedom: 1 in 4000.
  }
}

TEST_P(SetSampleTest, PopsTheMembersItTells) {
  for (const size_t count : {1, 30, 95}) {
    Fill(GetParam(), 100);
    Random random(5);
    std::set<std::string> left = All();
    const auto rest = set().PopSample(count, random, [&](const SetElement& element) {
      SetElement::Digits digits;
      EXPECT_EQ(left.erase(std::string(element.Text(digits))), 1u);
    });
    EXPECT_EQ(left.size(), 100 - count);
    EXPECT_EQ(All(), left);
    set().Pop(random, [&](const SetElement& element) {
      SetElement::Digits digits;
      left.erase(std::string(element.Text(digits)));
    });
    EXPECT_EQ(All(), left);
    Entry::Free(entry_);
    entry_ = Entry::NewCollection("key", Type::kSet);
  }
}

TEST_P(SetSampleTest, WhatFewMembersStayMayBeSmallAgain) {
  Fill(GetParam(), 400 / (GetParam() == Encoding::kListpack ? 4 : 1));
  Random random(5);
  const auto rest = set().PopSample(set().size() - 3, random, [](const SetElement&) {});
  EXPECT_EQ(set().size(), 3u);
  EXPECT_NE(encoding(), Encoding::kHashtable);
}

INSTANTIATE_TEST_SUITE_P(Encodings, SetSampleTest,
                         ::testing::Values(Encoding::kIntset, Encoding::kListpack,
                                           Encoding::kHashtable));

}  // namespace
}  // namespace henge::store
