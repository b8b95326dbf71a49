// SPDX-License-Identifier: Apache-2.0
#include "store/hash/field_deadlines.h"

#include <gtest/gtest.h>

#include <iterator>
#include <set>

#include "base/random.h"

namespace henge::store {
namespace {

FieldRecord* RecordNumber(uint64_t n) { return reinterpret_cast<FieldRecord*>(n * 16 + 16); }

TEST(FieldDeadlines, AgreeWithASet) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Random random(seed);
    FieldDeadlines deadlines;
    std::set<FieldDeadlines::Item> model;
    const uint64_t times = seed % 2 == 0 ? 5 : 100000;
    for (int i = 0; i < 20000; ++i) {
      const bool grows = i / 5000 % 2 == 0;
      if (model.empty() || random.Below(10) < (grows ? 8u : 3u)) {
        const FieldDeadlines::Item item{static_cast<UnixMillis>(random.Below(times)),
                                        RecordNumber(static_cast<uint64_t>(i))};
        model.insert(item);
        deadlines.Add(item);
      } else {
        auto it = random.Below(2) == 0
                      ? model.begin()
                      : model.lower_bound({static_cast<UnixMillis>(random.Below(times)), nullptr});
        if (it == model.end()) it = model.begin();
        deadlines.Remove(*it);
        model.erase(it);
      }
      ASSERT_EQ(deadlines.size(), model.size());
      if (model.empty()) continue;
      ASSERT_EQ(deadlines.First(), *model.begin());
      if (i % 500 != 0) continue;
      const auto time = static_cast<UnixMillis>(random.Below(times));
      const auto rank =
          static_cast<size_t>(std::distance(model.begin(), model.lower_bound({time, nullptr})));
      EXPECT_EQ(deadlines.CountBefore(time), rank);
      if (rank < model.size()) {
        EXPECT_EQ(deadlines.At(rank), *std::next(model.begin(), static_cast<ptrdiff_t>(rank)));
      }
    }
  }
}

TEST(FieldDeadlines, CostAboutTwentyBytesAField) {
  for (const bool ordered : {true, false}) {
    Random random(1);
    FieldDeadlines deadlines;
    constexpr int kFields = 200000;
    for (int i = 0; i < kFields; ++i) {
      deadlines.Add({ordered ? i : static_cast<UnixMillis>(random.Below(1u << 30)),
                     RecordNumber(static_cast<uint64_t>(i))});
    }
    EXPECT_LT(deadlines.MemoryBytes(), kFields * (ordered ? 17u : 24u));
  }
}

}  // namespace
}  // namespace henge::store
