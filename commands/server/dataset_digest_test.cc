// SPDX-License-Identifier: Apache-2.0
#include "commands/server/dataset_digest.h"

#include <gtest/gtest.h>

namespace henge::commands {
namespace {

TEST(Digest, MixDependsOnOrderAndXorDoesNot) {
  Digest ab, ba, x, y;
  ab.Mix("a"), ab.Mix("b");
  ba.Mix("b"), ba.Mix("a");
  EXPECT_NE(ab.Hex(), ba.Hex());
  x.Xor("a"), x.Xor("b");
  y.Xor("b"), y.Xor("a");
  EXPECT_EQ(x.Hex(), y.Hex());
  x.Xor("a"), x.Xor("b");
  EXPECT_EQ(x.Hex(), std::string(40, '0'));
}

TEST(Digest, IsTheSameForEveryEncodingOfAString) {
  store::Entry* integer = store::Entry::NewString("k", "12345", kNoExpiry);
  store::Entry* text = store::Entry::NewString("other", "12345", kNoExpiry, false);
  store::Entry* due = store::Entry::NewString("k", "12345", 1);
  ASSERT_TRUE(integer->is_integer());
  Digest a, b, c;
  a.AddValue(*integer);
  b.AddValue(*text);
  c.AddValue(*due);
  EXPECT_EQ(a.Hex(), b.Hex());
  EXPECT_NE(a.Hex(), c.Hex());
  store::Entry::Free(integer);
  store::Entry::Free(text);
  store::Entry::Free(due);
}

}  // namespace
}  // namespace henge::commands
