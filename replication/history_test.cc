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
  EXPECT_EQ(a.second_id(), std::string(40, '0'));
  EXPECT_EQ(a.second_offset(), History::kNoOffset);
}

TEST(History, IncludesWhatItHasSeen) {
  const History history;
  EXPECT_TRUE(history.Includes(history.id(), 0, 100));
  EXPECT_TRUE(history.Includes(history.id(), 101, 100));
  EXPECT_FALSE(history.Includes(history.id(), 102, 100));
  EXPECT_FALSE(history.Includes(history.id(), -1, 100));
  EXPECT_FALSE(history.Includes(std::string(40, 'a'), 1, 100));
}

TEST(History, ABranchKeepsThePastUnderTheOldId) {
  History history;
  const std::string before = history.id();
  history.Branch(100);
  EXPECT_NE(history.id(), before);
  EXPECT_EQ(history.second_id(), before);
  EXPECT_TRUE(history.Includes(before, 101, 150));
  EXPECT_FALSE(history.Includes(before, 102, 150)) << "the old leader may have gone on differently";
  EXPECT_TRUE(history.Includes(history.id(), 151, 150));
}

TEST(History, RemembersAFewNames) {
  History history;
  std::vector<std::string> ids{history.id()};
  for (int64_t i = 1; i <= 20; ++i) {
    history.Branch(100 * i);
    ids.push_back(history.id());
  }
  ASSERT_EQ(history.earlier().size(), kMostEarlierNames);
  EXPECT_EQ(history.earlier()[0], (EarlierName{ids[19], 2000}));
  EXPECT_EQ(history.earlier()[7], (EarlierName{ids[12], 1300}));
  history.Adopt(ids[0]);
  EXPECT_TRUE(history.earlier().empty());
}

TEST(History, ANameEndsWhereTheHistoryParts) {
  History history;
  history.Remember({{"b", 200}, {"a", 100}});  // It has 90 of them when it is promoted.
  const std::string id = history.id();
  history.Branch(90);
  EXPECT_EQ(history.earlier(), (std::vector<EarlierName>{{id, 90}, {"b", 90}, {"a", 90}}));
  history.Remember(std::vector<EarlierName>(100));
  EXPECT_EQ(history.earlier().size(), kMostEarlierNames);
}

TEST(History, AnotherDatasetForgetsThePast) {
  History history;
  history.Branch(100);
  const std::string before = history.second_id();
  history.Adopt(std::string(40, 'b'));
  EXPECT_TRUE(history.Includes(std::string(40, 'b'), 7, 6));
  EXPECT_FALSE(history.Includes(before, 7, 6));
}

TEST(History, NoneOfTheSecondIdsZerosIsIncluded) {
  const History history;
  EXPECT_FALSE(history.Includes(std::string(40, '0'), 0, 0));
}

}  // namespace
}  // namespace henge::replication
