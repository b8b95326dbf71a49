// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <stdlib.h>
#include <sys/random.h>

namespace henge {

uint64_t EntropySeed() {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != static_cast<ssize_t>(sizeof(seed))) abort();
  return seed;
}

Random& ThreadRandom() {
  thread_local Random random(EntropySeed());
  return random;
}

std::string RandomHex(int length) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(static_cast<size_t>(length));
  uint64_t bits = 0;
  for (int i = 0; i < length; ++i) {
    if (i % 16 == 0) bits = EntropySeed();
    out.push_back(kDigits[bits & 15]);
    bits >>= 4;
  }
  return out;
}

}  // namespace henge
