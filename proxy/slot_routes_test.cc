// SPDX-License-Identifier: Apache-2.0
#include "proxy/slot_routes.h"

#include <gtest/gtest.h>

#include <string>

namespace henge::proxy {
namespace {

TEST(ParseRedirection, ReadsMovedAndAsk) {
  const auto moved = ParseRedirection("MOVED 3999 127.0.0.1:6381");
  ASSERT_TRUE(moved.has_value());
  EXPECT_TRUE(moved->moved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->to, (Endpoint{"127.0.0.1", 6381}));
  const auto ask = ParseRedirection("ASK 0 ::1:7000");
  ASSERT_TRUE(ask.has_value());
  EXPECT_FALSE(ask->moved);
  EXPECT_EQ(ask->to, (Endpoint{"::1", 7000}));
  EXPECT_EQ(ParseRedirection("MOVED 1 :7001")->to.host, "");
}

TEST(ParseRedirection, RefusesWhatIsNone) {
  for (const char* text :
       {"", "ERR no", "MOVED", "MOVED 1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED 1 h",
        "ASK 1 h:", "MOVED 1 h:0", "MOVED 1 h:65536", "MOVED 1 h:1 more", "moved 1 h:1"}) {
    EXPECT_FALSE(ParseRedirection(text).has_value()) << text;
  }
}

TEST(SlotRoutes, KnowWhatTheyWereToldLast) {
  SlotRoutes routes;
  EXPECT_EQ(routes.OwnerOf(0), nullptr);
  const Endpoint a{"a", 1};
  const Endpoint b{"b", 2};
  routes.Assign(0, 8191, a);
  routes.Assign(8192, kSlots - 1, b);
  EXPECT_EQ(*routes.OwnerOf(8191), a);
  EXPECT_EQ(*routes.OwnerOf(8192), b);
  EXPECT_EQ(*routes.OwnerOf(kSlots - 1), b);
  routes.Assign(5, 5, b);
  EXPECT_EQ(*routes.OwnerOf(4), a);
  EXPECT_EQ(*routes.OwnerOf(5), b);
  EXPECT_EQ(*routes.OwnerOf(6), a);
}

TEST(SlotRoutes, ForgetOwnersThatOwnNothing) {
  SlotRoutes routes;
  routes.Assign(0, kSlots - 1, {"first", 1});
  for (int i = 0; i < 70'000; ++i) routes.Assign(7, 7, {"h" + std::to_string(i), 1});
  EXPECT_EQ(routes.OwnerOf(7)->host, "h69999");
  EXPECT_EQ(routes.OwnerOf(8)->host, "first");
}

}  // namespace
}  // namespace henge::proxy
