// SPDX-License-Identifier: Apache-2.0
// The rows of the bitmap room.
#include <array>

#include "commands/bitmaps/handlers.h"
#include "commands/command_table.h"

namespace henge::commands {
namespace {

constexpr KeySpec KeyWithNotes(int flags, std::string_view notes) {
  KeySpec spec = keys::One(1, flags);
  spec.notes = notes;
  return spec;
}
constexpr KeySpec kBitFieldKey =
    KeyWithNotes(kRW | kAccess | kUpdate | kVariableFlags, "With GET alone the key is only read.");

constexpr std::array kCommands = {
    CommandSpec{.name = "bitcount",
                .arity = -2,
                .flags = kReadonly,
                .group = Group::kBitmap,
                .since = "2.6.0",
                .history = "7.0.0 BYTE and BIT",
                .complexity = "O(N) in the bytes looked at.",
                .summary = "Counts the set bits of a string, or of a part of it.",
                .syntax = "key [range: start end [unit@7.0.0: BYTE | BIT]]",
                .keys = {keys::One(1, kRO | kAccess)},
                .handler = BitCount},
    CommandSpec{.name = "bitfield",
                .arity = -2,
                .flags = kWrite | kDenyOom,
                .group = Group::kBitmap,
                .since = "3.2.0",
                .complexity = "O(1) for each operation.",
                .summary = "Reads and changes integers of any width at any bit of a string.",
                .syntax =
                    "key [operation: get-block=GET encoding offset | <write: [OVERFLOW "
                    "<overflow-block: WRAP | SAT | FAIL>] <write-operation: set-block=SET encoding "
                    "offset value#integer | incrby-block=INCRBY encoding offset increment>> ...]",
                .keys = {kBitFieldKey},
                .refine_keys = RefineBitFieldKey,
                .handler = BitField},
    CommandSpec{.name = "bitfield_ro",
                .arity = -2,
                .flags = kReadonly | kFast,
                .group = Group::kBitmap,
                .since = "6.0.0",
                .complexity = "O(1) for each operation.",
                .summary = "Reads integers of any width at any bit of a string.",
                .syntax = "key [get-block=GET encoding offset [GET encoding offset ...]]",
                .keys = {keys::One(1, kRO | kAccess)},
                .handler = BitFieldRo},
    CommandSpec{.name = "bitop",
                .arity = -4,
                .flags = kWrite | kDenyOom,
                .group = Group::kBitmap,
                .since = "2.6.0",
                .complexity = "O(N) in the bytes of all sources.",
                .summary = "Combines strings bit by bit and stores the result.",
                .syntax = "<operation: AND | OR | XOR | NOT> destkey key [key ...]",
                .keys = {keys::One(2, kOW | kUpdate), keys::Range(3, -1, 1, kRO | kAccess)},
                .handler = BitOp},
    CommandSpec{.name = "bitpos",
                .arity = -3,
                .flags = kReadonly,
                .group = Group::kBitmap,
                .since = "2.8.7",
                .history = "7.0.0 BYTE and BIT",
                .complexity = "O(N) in the bytes looked at.",
                .summary = "Finds the first set or clear bit of a string, or of a part of it.",
                .syntax = "key bit [range: start [end-unit-block: end [unit@7.0.0: BYTE | BIT]]]",
                .keys = {keys::One(1, kRO | kAccess)},
                .handler = BitPos},
    CommandSpec{.name = "getbit",
                .arity = 3,
                .flags = kReadonly | kFast,
                .group = Group::kBitmap,
                .since = "2.2.0",
                .complexity = "O(1)",
                .summary = "Reads one bit of a string; beyond its end they are clear.",
                .syntax = "key offset",
                .keys = {keys::One(1, kRO | kAccess)},
                .handler = GetBit},
    CommandSpec{.name = "setbit",
                .arity = 4,
                .flags = kWrite | kDenyOom,
                .group = Group::kBitmap,
                .since = "2.2.0",
                .complexity = "O(1)",
                .summary = "Sets or clears one bit of a string, which grows to have it; returns "
                           "what it was.",
                .syntax = "key offset value#integer",
                .keys = {keys::One(1, kRW | kAccess | kUpdate)},
                .handler = SetBit},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> BitmapCommands() { return kCommands; }

}  // namespace henge::commands
