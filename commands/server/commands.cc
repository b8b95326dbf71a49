// SPDX-License-Identifier: Apache-2.0
// The rows of the server room.
#include <array>

#include "commands/command_table.h"
#include "commands/server/control.h"
#include "commands/server/statistics.h"

namespace henge::commands {
namespace {

constexpr uint32_t kSlowlogFlags = kAdmin | kLoading | kStale;

constexpr std::array kSlowlog = {
    CommandSpec{.name = "get",
                .arity = -2,
                .flags = kSlowlogFlags,
                .group = Group::kServer,
                .since = "2.2.12",
                .complexity = "O(N) in the number of entries returned.",
                .summary = "Shows the newest entries of the slow log.",
                .syntax = "[count]",
                .tips = "request_policy:all_nodes nondeterministic_output",
                .handler = SlowlogGet},
    CommandSpec{.name = "len",
                .arity = 2,
                .flags = kSlowlogFlags,
                .group = Group::kServer,
                .since = "2.2.12",
                .complexity = "O(1)",
                .summary = "Counts the entries of the slow log.",
                .tips = "request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
                .handler = SlowlogLen},
    CommandSpec{.name = "reset",
                .arity = 2,
                .flags = kSlowlogFlags,
                .group = Group::kServer,
                .since = "2.2.12",
                .complexity = "O(N) in the number of entries.",
                .summary = "Empties the slow log.",
                .tips = "request_policy:all_nodes response_policy:all_succeeded",
                .handler = SlowlogReset},
    CommandSpec{.name = "help",
                .arity = 2,
                .flags = kLoading | kStale,
                .group = Group::kServer,
                .since = "6.2.0",
                .complexity = "O(1)",
                .summary = "Lists the subcommands.",
                .handler = SlowlogHelp},
};

constexpr std::array kLatency = {
    CommandSpec{.name = "histogram",
                .arity = -2,
                .flags = kAdmin | kNoScript | kLoading | kStale,
                .group = Group::kServer,
                .since = "7.0.0",
                .complexity = "O(N) in the number of commands shown.",
                .summary = "Shows how the latencies of commands are distributed.",
                .syntax = "[command [command ...]]",
                .tips = "nondeterministic_output request_policy:all_nodes response_policy:special",
                .handler = LatencyHistogramOf},
};

constexpr std::array kCommands = {
    CommandSpec{.name = "info",
                .arity = -1,
                .flags = kLoading | kStale,
                .categories = kCatDangerous,
                .group = Group::kServer,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Shows figures about the server, by section.",
                .syntax = "[section [section ...]]",
                .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
                .handler = Info},
    CommandSpec{.name = "slowlog",
                .arity = -2,
                .group = Group::kServer,
                .since = "2.2.12",
                .complexity = "Depends on the subcommand.",
                .summary = "A container for commands about the slow log.",
                .subcommands = kSlowlog},
    CommandSpec{.name = "latency",
                .arity = -2,
                .group = Group::kServer,
                .since = "2.8.13",
                .complexity = "Depends on the subcommand.",
                .summary = "A container for commands about latency.",
                .subcommands = kLatency},
    CommandSpec{.name = "time",
                .arity = 1,
                .flags = kLoading | kStale | kFast,
                .group = Group::kServer,
                .since = "2.6.0",
                .complexity = "O(1)",
                .summary = "Tells the server's time: seconds and microseconds.",
                .tips = "nondeterministic_output",
                .handler = Time},
    CommandSpec{.name = "role",
                .arity = 1,
                .flags = kNoScript | kLoading | kStale | kFast,
                .categories = kCatAdmin | kCatDangerous,
                .group = Group::kServer,
                .since = "2.8.12",
                .complexity = "O(1)",
                .summary = "Tells the node's role in replication.",
                .handler = Role},
    CommandSpec{.name = "shutdown",
                .arity = -1,
                .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy,
                .group = Group::kServer,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Ends the server.",
                .syntax = "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
                .handler = Shutdown},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> ServerCommands() { return kCommands; }

}  // namespace henge::commands
