// SPDX-License-Identifier: Apache-2.0
// A key as commands carry it: its bytes with the slot and hash, worked out once per request.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/types.h"

namespace henge::store {

// The table's hash: XXH3 under a seed drawn at start, so that outsiders can't aim collisions.
uint64_t HashKey(std::string_view bytes);

struct Key {
  std::string_view bytes;
  uint64_t hash = 0;
  Slot slot = 0;

  static Key Of(std::string_view bytes);
};

}  // namespace henge::store
