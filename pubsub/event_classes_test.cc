// SPDX-License-Identifier: Apache-2.0
#include "pubsub/event_classes.h"

#include <gtest/gtest.h>

namespace henge::pubsub {
namespace {

std::string Canonical(std::string_view letters) {
  const auto classes = EventClasses::Parse(letters);
  return classes ? classes->Letters() : "refused";
}

TEST(EventClasses, AreShownInRedissOrder) {
  EXPECT_EQ(Canonical(""), "");
  EXPECT_EQ(Canonical("Kx$"), "$xK");
  EXPECT_EQ(Canonical("mKEn"), "nKEm");
}

TEST(EventClasses, AStandsForTheDatasClasses) {
  EXPECT_EQ(Canonical("KEA"), "AKE");
  EXPECT_EQ(Canonical("dtexzhsl$g"), "A");
  EXPECT_EQ(Canonical("texzhsl$gE"), "g$lshzxetE");
  const auto all = EventClasses::Parse("A");
  ASSERT_TRUE(all.has_value());
  EXPECT_TRUE(all->Has(EventClass::kModule));
  EXPECT_FALSE(all->Has(EventClass::kMiss));
  EXPECT_FALSE(all->Has(EventClass::kNew));
}

TEST(EventClasses, AnUnknownLetterIsRefused) { EXPECT_EQ(Canonical("KEq"), "refused"); }

TEST(EventClasses, NothingIsPublishedWithoutAChannelAndAClass) {
  EXPECT_FALSE(EventClasses::Parse("A")->PublishesAny());
  EXPECT_FALSE(EventClasses::Parse("KE")->PublishesAny());
  EXPECT_TRUE(EventClasses::Parse("Kx")->PublishesAny());
}

}  // namespace
}  // namespace henge::pubsub
