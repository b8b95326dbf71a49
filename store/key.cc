// SPDX-License-Identifier: Apache-2.0
#include "store/key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/crc16.h"
#include "base/random.h"

namespace henge::store {
namespace {

const uint64_t kHashSeed = EntropySeed();

}  // namespace

uint64_t HashKey(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kHashSeed);
}

Key Key::Of(std::string_view bytes) {
  return {.bytes = bytes, .hash = HashKey(bytes), .slot = KeySlot(bytes)};
}

}  // namespace henge::store
