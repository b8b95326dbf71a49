// SPDX-License-Identifier: Apache-2.0
// The rows of the persistence room.
#include <array>

#include "commands/command_table.h"
#include "commands/persistence/handlers.h"

namespace henge::commands {
namespace {

constexpr std::array kCommands = {
    CommandSpec{.name = "save",
                .arity = 1,
                .flags = kAdmin | kNoScript | kNoAsyncLoading | kNoMulti,
                .group = Group::kServer,
                .since = "1.0.0",
                .complexity = "O(N) in the number of keys.",
                .summary = "Writes the data set to disk and waits for that.",
                .handler = Save},
    CommandSpec{.name = "bgsave",
                .arity = -1,
                .flags = kAdmin | kNoScript | kNoAsyncLoading,
                .group = Group::kServer,
                .since = "1.0.0",
                .history = "3.2.2 SCHEDULE; 8.1.0 CANCEL",
                .complexity = "O(1)",
                .summary = "Writes the data set to disk while commands go on.",
                .syntax = "[operation: SCHEDULE@3.2.2 | CANCEL@8.1.0]",
                .handler = BgSave},
    CommandSpec{.name = "bgrewriteaof",
                .arity = 1,
                .flags = kAdmin | kNoScript | kNoAsyncLoading,
                .group = Group::kServer,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Rewrites the append-only file while commands go on.",
                .handler = BgRewriteAof},
    CommandSpec{.name = "lastsave",
                .arity = 1,
                .flags = kLoading | kStale | kFast,
                .categories = kCatAdmin | kCatDangerous,
                .group = Group::kServer,
                .since = "1.0.0",
                .complexity = "O(1)",
                .summary = "Tells when the data set was last written to disk.",
                .tips = "nondeterministic_output",
                .handler = LastSave},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> PersistenceCommands() { return kCommands; }

}  // namespace henge::commands
