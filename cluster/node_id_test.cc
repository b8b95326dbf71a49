// SPDX-License-Identifier: Apache-2.0
#include "cluster/node_id.h"

#include <gtest/gtest.h>

namespace henge::cluster {
namespace {

TEST(NodeId, KeepsHexAndHashesNames) {
  const std::string hex = "07c37dfeb235213a872192d90877d0cd55635b91";
  EXPECT_EQ(NodeId::FromName(hex).view(), hex);
  EXPECT_EQ(NodeId::FromName("abc").view(), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(NodeId::FromName("cache-1"), NodeId::FromName("cache-1"));
  EXPECT_NE(NodeId::FromName("cache-1"), NodeId::FromName("cache-2"));
}

TEST(NodeId, ParsesOnlyFortyLowerCaseHexDigits) {
  EXPECT_FALSE(NodeId::Parse(""));
  EXPECT_FALSE(NodeId::Parse(std::string(39, 'a')));
  EXPECT_FALSE(NodeId::Parse(std::string(40, 'A')));
  EXPECT_FALSE(NodeId::Parse(std::string(40, 'g')));
  EXPECT_TRUE(NodeId::Parse(std::string(40, 'f')));
  EXPECT_TRUE(NodeId().IsZero());
  EXPECT_FALSE(NodeId::Random().IsZero());
}

}  // namespace
}  // namespace henge::cluster
