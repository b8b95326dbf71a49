// SPDX-License-Identifier: Apache-2.0
// The rows of the string room.
#include <array>

#include "commands/command_table.h"
#include "commands/strings/get_set.h"

namespace henge::commands {
namespace {

constexpr std::array kCommands = {
    CommandSpec{
        .name = "get",
        .arity = 2,
        .flags = kReadonly | kFast,
        .group = Group::kString,
        .since = "1.0.0",
        .complexity = "O(1)",
        .summary = "Reads the string stored at a key.",
        .syntax = "key",
        .keys = {keys::One(1, kRO | kAccess)},
        .handler = Get,
    },
    CommandSpec{
        .name = "set",
        .arity = -3,
        .flags = kWrite | kDenyOom,
        .group = Group::kString,
        .since = "1.0.0",
        .complexity = "O(1)",
        .summary =
            "Stores a string at a key, whatever was there before; creates the key if absent.",
        .syntax =
            "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds "
            "| PXAT unix-time-milliseconds | KEEPTTL]",
        .keys = {keys::One(1, kRW | kAccess | kUpdate | kInsert | kVariableFlags)},
        .handler = Set,
    },
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> StringCommands() { return kCommands; }

}  // namespace henge::commands
