// SPDX-License-Identifier: Apache-2.0
// The rows of the HyperLogLog room.
#include <array>

#include "commands/command_table.h"
#include "commands/hyperloglog/handlers.h"

namespace henge::commands {
namespace {

constexpr std::array kCommands = {
    CommandSpec{.name = "pfadd",
                .arity = -2,
                .flags = kWrite | kDenyOom | kFast,
                .group = Group::kHyperLogLog,
                .since = "2.8.9",
                .complexity = "O(1) for each element.",
                .summary =
                    "Adds elements to a HyperLogLog, which is made if need be; tells whether "
                    "its count may have changed.",
                .syntax = "key [element [element ...]]",
                .keys = {keys::One(1, kRW | kInsert)},
                .handler = PfAdd},
    CommandSpec{.name = "pfcount",
                .arity = -2,
                .flags = kReadonly | kMayReplicate,
                .group = Group::kHyperLogLog,
                .since = "2.8.9",
                .complexity = "O(1) for one key, whose count is kept; O(N) in the number of keys.",
                .summary =
                    "Estimates how many distinct elements were added to a HyperLogLog, or to "
                    "several together.",
                .syntax = "key [key ...]",
                .keys = {keys::Noted(keys::Range(1, -1, 1, kRW | kAccess),
                                     "The count of a single key is kept in its value.")},
                .handler = PfCount},
    CommandSpec{.name = "pfdebug",
                .arity = 3,
                .flags = kWrite | kDenyOom | kAdmin | kSysCmd,
                .group = Group::kHyperLogLog,
                .since = "2.8.9",
                .complexity = "O(1)",
                .summary = "Shows how a HyperLogLog is stored: GETREG, DECODE, ENCODING; TODENSE "
                           "makes it dense.",
                .syntax = "subcommand key",
                .keys = {keys::One(2, kRW | kAccess)},
                .handler = PfDebug},
    CommandSpec{
        .name = "pfmerge",
        .arity = -2,
        .flags = kWrite | kDenyOom,
        .group = Group::kHyperLogLog,
        .since = "2.8.9",
        .complexity = "O(N) in the number of keys.",
        .summary = "Makes a HyperLogLog the union of itself and others.",
        .syntax = "destkey [sourcekey [sourcekey ...]]",
        .keys = {keys::One(1, kRW | kAccess | kInsert), keys::Range(2, -1, 1, kRO | kAccess)},
        .handler = PfMerge},
    CommandSpec{.name = "pfselftest",
                .arity = 1,
                .flags = kAdmin | kSysCmd,
                .group = Group::kHyperLogLog,
                .since = "2.8.9",
                .complexity = "O(1), some milliseconds.",
                .summary = "Tests the HyperLogLog arithmetic.",
                .syntax = "",
                .handler = PfSelfTest},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> HyperLogLogCommands() { return kCommands; }

}  // namespace henge::commands
