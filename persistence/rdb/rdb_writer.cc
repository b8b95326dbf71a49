// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/rdb_writer.h"

#include <bit>
#include <vector>

#include "base/numbers.h"
#include "persistence/rdb/lzf.h"

namespace henge::persistence {

static_assert(std::endian::native == std::endian::little);

namespace {

constexpr size_t kLongestShortInteger = 11;  // -2147483648
constexpr size_t kWorthCompressing = 20;
constexpr size_t kLeastSaved = 4;
constexpr size_t kMostCompressed = size_t{1} << 30;
constexpr size_t kScratchKept = size_t{1} << 20;

}  // namespace

void RdbWriter::Length(uint64_t length) {
  if (length < 64) return Byte(static_cast<uint8_t>(length));
  char bytes[9];
  size_t size;
  if (length < 16384) {
    bytes[0] = static_cast<char>(0x40 | length >> 8);
    bytes[1] = static_cast<char>(length);
    size = 2;
  } else if (length <= UINT32_MAX) {
    bytes[0] = static_cast<char>(kRdbLength32);
    const uint32_t big = __builtin_bswap32(static_cast<uint32_t>(length));
    std::memcpy(bytes + 1, &big, 4);
    size = 5;
  } else {
    bytes[0] = static_cast<char>(kRdbLength64);
    const uint64_t big = __builtin_bswap64(length);
    std::memcpy(bytes + 1, &big, 8);
    size = 9;
  }
  Raw({bytes, size});
}

void RdbWriter::Integer(int64_t value) {
  char bytes[5];
  if (value == static_cast<int8_t>(value)) {
    Byte(kRdbInt8);
    return Byte(static_cast<uint8_t>(value));
  }
  if (value == static_cast<int16_t>(value)) {
    bytes[0] = static_cast<char>(kRdbInt16);
    std::memcpy(bytes + 1, &value, 2);
    return Raw({bytes, 3});
  }
  if (value == static_cast<int32_t>(value)) {
    bytes[0] = static_cast<char>(kRdbInt32);
    std::memcpy(bytes + 1, &value, 4);
    return Raw({bytes, 5});
  }
  char digits[kInt64Chars];
  const size_t size = FormatInt64(value, digits);
  Length(size);
  Raw({digits, size});
}

// Whether it was worth it, and the string is written.
bool RdbWriter::Compressed(std::string_view text) {
  static thread_local std::vector<char> scratch;
  const size_t capacity = text.size() - kLeastSaved;
  if (scratch.size() < capacity) scratch.resize(capacity);
  const auto size = LzfCompress(text, scratch.data(), capacity);
  if (size) {
    Byte(kRdbCompressed);
    Length(*size);
    Length(text.size());
    Raw({scratch.data(), *size});
  }
  if (scratch.size() > kScratchKept) std::vector<char>().swap(scratch);
  return size.has_value();
}

void RdbWriter::String(std::string_view text) {
  if (text.size() <= kLongestShortInteger) {
    const auto integer = ParseInt64(text);
    if (integer && *integer == static_cast<int32_t>(*integer)) return Integer(*integer);
  } else if (options_.compress && text.size() > kWorthCompressing &&
             text.size() < kMostCompressed && Compressed(text)) {
    return;
  }
  Length(text.size());
  Raw(text);
}

}  // namespace henge::persistence
