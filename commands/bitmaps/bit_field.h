// SPDX-License-Identifier: Apache-2.0
// Integers of 1 to 64 bits that stand anywhere in a row of bits, high bit first; BITFIELD's
// arithmetic. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace henge::commands {

struct FieldType {
  bool is_signed = false;
  unsigned bits = 0;  // Signed 1 … 64, unsigned 1 … 63.
};

// "i16", "u8"; none for other texts.
std::optional<FieldType> ParseFieldType(std::string_view text);

// The integer whose highest bit is bit `offset`. Beyond the end of the bytes there are zeros.
int64_t GetField(std::string_view bytes, uint64_t offset, FieldType type);

// REQUIRES: bits offset … offset + type.bits - 1 exist. Bits of `value` beyond the type's are
// dropped.
void SetField(char* bytes, uint64_t offset, FieldType type, int64_t value);

enum class Overflow : uint8_t { kWrap, kSaturate, kFail };

// `value` as the type holds it; for unsigned types the bits of `value` are read as unsigned first,
// as Redis does: -1 is their largest. None if it does not fit and the policy is kFail.
std::optional<int64_t> FitField(int64_t value, FieldType type, Overflow overflow);

// value + delta, where value is one the type can hold.
std::optional<int64_t> AddToField(int64_t value, int64_t delta, FieldType type, Overflow overflow);

}  // namespace henge::commands
