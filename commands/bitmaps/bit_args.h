// SPDX-License-Identifier: Apache-2.0
// Arguments that bitmap commands share: offsets of bits, ranges of bytes or bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/bitmaps/bits.h"

namespace henge::commands {

struct CommandContext;
class ArgReader;

// The next argument as an offset that a string of proto-max-bulk-len bytes has. With `field_bits`
// (BITFIELD), "#n" is the n-th field of that width. Latches kBitOffset.
uint64_t ReadBitOffset(CommandContext& ctx, ArgReader& args, unsigned field_bits = 0);

enum class RangeUnit : uint8_t { kByte, kBit };
// BYTE or BIT in any case; latches a syntax error for others.
RangeUnit ParseRangeUnit(std::string_view word, ArgReader& args);

// The bits from `start` to `end` inclusive of a string of `size` bytes; negative numbers count from
// its end. None when the range is empty.
std::optional<BitRange> ResolveRange(int64_t start, int64_t end, RangeUnit unit, size_t size);

}  // namespace henge::commands
