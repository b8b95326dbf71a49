// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <gtest/gtest.h>

#include <cstdlib>

#if defined(HENGE_JEMALLOC)
#include <jemalloc/jemalloc.h>
#endif

namespace henge {
namespace {

#if defined(HENGE_JEMALLOC)
TEST(AllocationSize, IsTheAllocatorsOwn) {
  for (size_t size = 1; size <= 1 << 20; ++size) {
    ASSERT_EQ(AllocationSize(size), nallocx(size, 0)) << size;
  }
  for (size_t power = 1 << 20; power <= size_t{1} << 36; power *= 2) {
    for (const size_t size : {power - 1, power, power + 1, power + power / 4, power + power / 4 + 1}) {
      ASSERT_EQ(AllocationSize(size), nallocx(size, 0)) << size;
    }
  }
}
#endif

TEST(AllocationSize, OfNothingIsNothing) { EXPECT_EQ(AllocationSize(0), 0u); }

TEST(AllocationSize, ReachesAtLeastTheRequest) {
  for (size_t size = 1; size < 5000; ++size) EXPECT_GE(AllocationSize(size), size);
}

}  // namespace
}  // namespace henge
