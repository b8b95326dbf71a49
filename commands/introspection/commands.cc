// SPDX-License-Identifier: Apache-2.0
// The rows of the introspection room: what the server can tell about its own commands.
#include <array>

#include "commands/command_table.h"
#include "commands/introspection/command.h"

namespace henge::commands {
namespace {

constexpr uint32_t kFlags = kLoading | kStale | kSentinelToo;
constexpr std::string_view kAnyOrder = "nondeterministic_output_order";

constexpr std::array kSubcommands = {
    CommandSpec{.name = "count",
                .arity = 2,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "2.8.13",
                .complexity = "O(1)",
                .summary = "Counts the commands.",
                .handler = CommandCount},
    CommandSpec{.name = "docs",
                .arity = -2,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "7.0.0",
                .complexity = "O(N) in the number of commands shown.",
                .summary = "Documents commands: what they do, since when, their arguments.",
                .syntax = "[command-name [command-name ...]]",
                .tips = kAnyOrder,
                .handler = CommandDocs},
    CommandSpec{.name = "getkeys",
                .arity = -3,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "2.8.13",
                .complexity = "O(N) in the number of arguments.",
                .summary = "Finds the keys in a command and its arguments.",
                .syntax = "command [arg [arg ...]]",
                .handler = CommandGetKeys},
    CommandSpec{.name = "getkeysandflags",
                .arity = -3,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "7.0.0",
                .complexity = "O(N) in the number of arguments.",
                .summary = "Finds the keys in a command and its arguments, and how it uses them.",
                .syntax = "command [arg [arg ...]]",
                .handler = CommandGetKeysAndFlags},
    CommandSpec{.name = "help",
                .arity = 2,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "5.0.0",
                .complexity = "O(1)",
                .summary = "Lists the subcommands.",
                .handler = CommandHelp},
    CommandSpec{.name = "info",
                .arity = -2,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "2.8.13",
                .history = "7.0.0 all commands when none is named",
                .complexity = "O(N) in the number of commands shown.",
                .summary = "Describes commands: arity, flags, keys, ACL categories.",
                .syntax = "[command-name [command-name ...]]",
                .tips = kAnyOrder,
                .handler = CommandInfoOf},
    CommandSpec{.name = "list",
                .arity = -2,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "7.0.0",
                .complexity = "O(N) in the number of commands.",
                .summary = "Lists the names of commands and subcommands.",
                .syntax = "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
                .tips = kAnyOrder,
                .handler = CommandList},
};

constexpr std::array kCommands = {
    CommandSpec{.name = "command",
                .arity = -1,
                .flags = kFlags,
                .categories = kCatConnection,
                .group = Group::kServer,
                .since = "2.8.13",
                .complexity = "O(N) in the number of commands.",
                .summary = "Describes all commands.",
                .tips = kAnyOrder,
                .handler = CommandAll,
                .subcommands = kSubcommands},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> IntrospectionCommands() { return kCommands; }

}  // namespace henge::commands
