// SPDX-License-Identifier: Apache-2.0
#include "store/encoding/intset.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace henge::store {
namespace {

class IntsetTest : public ::testing::Test {
 protected:
  ~IntsetTest() override { std::free(set_.block()); }

  static std::vector<int64_t> All(const Intset& set) {
    std::vector<int64_t> all;
    for (uint32_t i = 0; i < set.size(); ++i) all.push_back(set.Get(i));
    return all;
  }
  std::string Bytes() const { return std::string(set_.view()); }
  void ExpectEquals(const std::set<int64_t>& expected) {
    EXPECT_EQ(All(set_), std::vector<int64_t>(expected.begin(), expected.end()));
    EXPECT_EQ(Intset::Validate(Bytes()), expected.size());
    EXPECT_EQ(set_.MemoryBytes(), UsableSize(set_.block()));
  }

  Intset set_ = Intset::New();
};

TEST_F(IntsetTest, HasRedisBytes) {
  set_.Add(5);
  set_.Add(-2);
  EXPECT_EQ(Bytes(), std::string("\x02\0\0\0\x02\0\0\0\xfe\xff\x05\x00", 12));
  set_.Add(100000);
  EXPECT_EQ(Bytes(), std::string("\x04\0\0\0\x03\0\0\0"
                                 "\xfe\xff\xff\xff"
                                 "\x05\0\0\0"
                                 "\xa0\x86\x01\0",
                                 20));
}

TEST_F(IntsetTest, WidensForWhatIsBelowAllAndForWhatIsAbove) {
  set_.Add(1);
  set_.Add(INT32_MIN);
  set_.Add(INT64_MAX);
  set_.Add(INT64_MIN);
  EXPECT_EQ(set_.width(), 8u);
  ExpectEquals({INT64_MIN, INT32_MIN, 1, INT64_MAX});
  EXPECT_TRUE(set_.Remove(INT64_MIN));
  EXPECT_TRUE(set_.Remove(INT64_MAX));
  EXPECT_EQ(set_.width(), 8u);  // As in Redis it stays.
}

TEST_F(IntsetTest, FindsNothingThatIsWiderThanItself) {
  set_.Add(0);
  set_.Add(-1);
  EXPECT_FALSE(set_.Contains(65536));
  EXPECT_FALSE(set_.Remove(65536));
  EXPECT_FALSE(set_.Remove(0xffff));
  EXPECT_TRUE(set_.Contains(-1));
}

TEST_F(IntsetTest, AgreesWithAStdSet) {
  Random random(20);
  for (const int64_t range : {int64_t{100}, int64_t{40'000}, int64_t{3'000'000'000}}) {
    std::set<int64_t> model;
    for (int i = 0; i < 3000; ++i) {
      const int64_t value = static_cast<int64_t>(random.Below(2 * range)) - range;
      if (random.Below(3) == 0) {
        EXPECT_EQ(set_.Remove(value), model.erase(value) == 1);
      } else {
        EXPECT_EQ(set_.Add(value), model.insert(value).second);
      }
      EXPECT_EQ(set_.Contains(value), model.contains(value));
    }
    ExpectEquals(model);
    std::free(set_.block());
    set_ = Intset::New();
  }
}

TEST_F(IntsetTest, IsMadeOfSortedIntegersAtOnce) {
  const std::vector<int64_t> all = {-70000, 0, 3, 70000};
  const Intset built = Intset::FromSorted(all);
  for (const int64_t value : all) set_.Add(value);
  EXPECT_EQ(built.view(), set_.view());
  std::free(built.block());
  const Intset none = Intset::FromSorted({});
  EXPECT_TRUE(none.empty());
  std::free(none.block());
}

TEST_F(IntsetTest, ErasesManyPlacesInOnePass) {
  for (int64_t i = 0; i < 100; ++i) set_.Add(i);
  std::vector<uint32_t> odd;
  std::set<int64_t> even;
  for (uint32_t i = 0; i < 100; ++i) i % 2 == 1 ? odd.push_back(i) : (void)even.insert(i);
  set_.EraseAt(odd);
  ExpectEquals(even);
}

TEST_F(IntsetTest, RefusesUnsoundBytes) {
  for (const int64_t value : {1, 2, 3}) set_.Add(value);
  const std::string sound = Bytes();
  EXPECT_EQ(Intset::Validate(sound), 3u);
  for (size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(Intset::Validate(std::string_view(sound).substr(0, size)));
  }
  EXPECT_FALSE(Intset::Validate(sound + "x"));
  std::string width = sound;
  width[0] = 3;
  EXPECT_FALSE(Intset::Validate(width));
  std::string count = sound;
  count[7] = static_cast<char>(0x80);  // Times the width it is more than 32 bits hold.
  EXPECT_FALSE(Intset::Validate(count));
  std::string order = sound;
  order[8] = 3;
  EXPECT_FALSE(Intset::Validate(order));
  std::string twice = sound;
  twice[8] = 2;
  EXPECT_FALSE(Intset::Validate(twice));
}

}  // namespace
}  // namespace henge::store
