// SPDX-License-Identifier: Apache-2.0
// LZF: the compression of strings in RDB files. A compressed string is a row of
//
//   000nnnnn                     n + 1 bytes follow as they are
//   lllooooo oooooooo            copy l + 2 bytes (l = 1 … 6) from o + 1 bytes back
//   111ooooo llllllll oooooooo   copy l + 9 bytes from o + 1 bytes back
//
// Copies may overlap what they write. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace henge::persistence {

// Writes at most `capacity` bytes to `out` and returns how many; nothing where it takes more.
// REQUIRES: less than 1 GB.
std::optional<size_t> LzfCompress(std::string_view bytes, char* out, size_t capacity);

// Fills exactly `size` bytes at `out`; false where the row is damaged or does not give that many.
bool LzfDecompress(std::string_view row, char* out, size_t size);

// Whether so many bytes could give `size` bytes at all.
constexpr bool LzfCouldGive(size_t compressed, size_t size) {
  return size / 264 <= compressed;  // One copy gives 264 at most.
}

}  // namespace henge::persistence
