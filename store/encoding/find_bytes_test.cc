// SPDX-License-Identifier: Apache-2.0
#include "store/encoding/find_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/random.h"

namespace henge::store {
namespace {

// On an allocation of exactly that size, so that a sanitizer sees what is read outside.
bool Holds(const std::string& bytes, std::string_view wanted) {
  const std::unique_ptr<char[]> exact(new char[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return HoldsBytes({exact.get(), bytes.size()}, wanted);
}

TEST(HoldsBytes, FindsWhatStandsAtAnyPlace) {
  for (size_t size = 1; size < 150; ++size) {
    for (const size_t wanted_size : {1, 2, 3, 15, 16, 17, 31, 32, 33, 100}) {
      if (wanted_size > size) continue;
      const std::string wanted(wanted_size, 'w');
      for (size_t at = 0; at + wanted_size <= size; ++at) {
        std::string bytes(size, '.');
        EXPECT_FALSE(Holds(bytes, wanted));
        bytes.replace(at, wanted_size, wanted);
        EXPECT_TRUE(Holds(bytes, wanted)) << size << " " << wanted_size << " " << at;
        bytes[at + wanted_size / 2] = '.';
        EXPECT_FALSE(Holds(bytes, wanted));
      }
    }
  }
}

TEST(HoldsBytes, AgreesWithAPlainSearch) {
  Random random(5);
  size_t found = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random.Below(300), 'a'), wanted(1 + random.Below(8), 'a');
    for (char& byte : bytes) byte = static_cast<char>('a' + random.Below(3));
    for (char& byte : wanted) byte = static_cast<char>('a' + random.Below(3));
    const bool there = bytes.find(wanted) != std::string::npos;
    ASSERT_EQ(Holds(bytes, wanted), there);
    found += there ? 1 : 0;
  }
  EXPECT_GT(found, 1000u);
}

}  // namespace
}  // namespace henge::store
