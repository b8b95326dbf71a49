// SPDX-License-Identifier: Apache-2.0
#include "base/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>

namespace henge {
namespace {

TEST(Background, GivesWayAndReturnsWhatWasMade) {
  const int here = getpriority(PRIO_PROCESS, 0);
  const auto there = InBackground<std::unique_ptr<int>>(
      [] { return std::make_unique<int>(getpriority(PRIO_PROCESS, 0)); });
  EXPECT_EQ(*there, std::max(here, 10));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), here) << "only that thread gives way";
}

}  // namespace
}  // namespace henge
