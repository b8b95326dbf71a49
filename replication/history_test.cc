// SPDX-License-Identifier: Apache-2.0
#include "replication/history.h"

#include <gtest/gtest.h>

namespace henge::replication {
namespace {

TEST(History, BeginsUnderAnIdOfItsOwn) {
  const History a;
  const History b;
  EXPECT_EQ(a.id().size(), 40u);
  EXPECT_EQ(a.id().find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(a.id(), b.id());
  EXPECT_EQ(a.offset(), 0);
  EXPECT_EQ(a.second_id(), std::string(40, '0'));
  EXPECT_EQ(a.second_offset(), History::kNoOffset);
}

TEST(History, IncludesWhatItHasSeen) {
  History history;
  history.Advance(100);
  EXPECT_TRUE(history.Includes(history.id(), 0));
  EXPECT_TRUE(history.Includes(history.id(), 101));
  EXPECT_FALSE(history.Includes(history.id(), 102));
  EXPECT_FALSE(history.Includes(history.id(), -1));
  EXPECT_FALSE(history.Includes(std::string(40, 'a'), 1));
}

TEST(History, ABranchKeepsThePastUnderTheOldId) {
  History history;
  history.Advance(100);
  const std::string before = history.id();
  history.Branch();
  EXPECT_NE(history.id(), before);
  EXPECT_EQ(history.second_id(), before);
  history.Advance(50);
  EXPECT_TRUE(history.Includes(before, 101));
  EXPECT_FALSE(history.Includes(before, 102)) << "the old leader may have gone on differently";
  EXPECT_TRUE(history.Includes(history.id(), 151));
}

TEST(History, NoneOfTheSecondIdsZerosIsIncluded) {
  const History history;
  EXPECT_FALSE(history.Includes(std::string(40, '0'), 0));
}

}  // namespace
}  // namespace henge::replication
