// SPDX-License-Identifier: Apache-2.0
#include "commands/bitmaps/bit_field.h"

#include <algorithm>

#include "base/numbers.h"

namespace henge::commands {
namespace {

// Holds every sum of two fields exactly.
__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

constexpr uint64_t LowBits(unsigned bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

int64_t Truncate(uint64_t value, FieldType type) {
  value &= LowBits(type.bits);
  const uint64_t sign = uint64_t{1} << (type.bits - 1);
  if (type.is_signed) value = (value ^ sign) - sign;  // Copies the sign bit upwards.
  return static_cast<int64_t>(value);
}

std::optional<int64_t> Fit(Int128 value, FieldType type, Overflow overflow) {
  const Int128 highest = static_cast<Int128>(LowBits(type.is_signed ? type.bits - 1 : type.bits));
  const Int128 lowest = type.is_signed ? -highest - 1 : 0;
  if (value >= lowest && value <= highest) return static_cast<int64_t>(value);
  if (overflow == Overflow::kFail) return std::nullopt;
  if (overflow == Overflow::kWrap) return Truncate(static_cast<uint64_t>(value), type);
  return static_cast<int64_t>(value > highest ? highest : lowest);
}

}  // namespace

std::optional<FieldType> ParseFieldType(std::string_view text) {
  if (text.empty() || (text[0] != 'i' && text[0] != 'u')) return std::nullopt;
  const bool is_signed = text[0] == 'i';
  const std::optional<int64_t> bits = ParseInt64(text.substr(1));
  if (!bits || *bits < 1 || *bits > (is_signed ? 64 : 63)) return std::nullopt;
  return FieldType{is_signed, static_cast<unsigned>(*bits)};
}

int64_t GetField(std::string_view bytes, uint64_t offset, FieldType type) {
  const uint64_t first = offset / 8;
  const unsigned bits_to_end = static_cast<unsigned>(offset % 8) + type.bits;
  const uint64_t touched = (bits_to_end + 7) / 8;  // At most nine bytes.
  Uint128 window = 0;
  for (uint64_t i = first; i < first + touched; ++i) {
    window = window << 8 | (i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0);
  }
  return Truncate(static_cast<uint64_t>(window >> (touched * 8 - bits_to_end)), type);
}

void SetField(char* bytes, uint64_t offset, FieldType type, int64_t value) {
  unsigned left = type.bits;
  const auto bits = static_cast<uint64_t>(value);
  while (left > 0) {
    // The part that falls into one byte: `width` bits, with `below` bits of the byte behind them.
    const auto at = static_cast<unsigned>(offset % 8);
    const unsigned width = std::min(left, 8 - at);
    const unsigned below = 8 - at - width;
    const uint64_t mask = LowBits(width) << below;
    const uint64_t part = bits >> (left - width) << below & mask;
    const auto old = static_cast<uint8_t>(bytes[offset / 8]);
    bytes[offset / 8] = static_cast<char>((old & ~mask) | part);
    offset += width;
    left -= width;
  }
}

std::optional<int64_t> FitField(int64_t value, FieldType type, Overflow overflow) {
  return Fit(type.is_signed ? Int128{value} : Int128{static_cast<uint64_t>(value)}, type, overflow);
}

std::optional<int64_t> AddToField(int64_t value, int64_t delta, FieldType type, Overflow overflow) {
  return Fit(Int128{value} + delta, type, overflow);
}

}  // namespace henge::commands
