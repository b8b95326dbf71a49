// SPDX-License-Identifier: Apache-2.0
// The rows of the replication room.
#include <array>

#include "commands/command_table.h"
#include "commands/replication/handlers.h"

namespace henge::commands {
namespace {

constexpr uint32_t kFollow = kNoAsyncLoading | kAdmin | kNoScript | kStale;
constexpr uint32_t kAskForData = kNoAsyncLoading | kAdmin | kNoMulti | kNoScript;

constexpr std::array kCommands = {
    CommandSpec{.name = "replicaof",
                .arity = 3,
                .flags = kFollow | kLocksAll,
                .group = Group::kServer,
                .since = "5.0.0",
                .complexity = "O(1)",
                .summary = "Makes the node follow another, or nobody.",
                .syntax = "<host port | no one>",
                .handler = ReplicaOf},
    CommandSpec{.name = "slaveof",
                .arity = 3,
                .flags = kFollow | kLocksAll,
                .group = Group::kServer,
                .since = "1.0.0",
                .deprecated_since = "5.0.0",
                .replaced_by = "`REPLICAOF`",
                .complexity = "O(1)",
                .summary = "Makes the node follow another, or nobody.",
                .syntax = "<host port | no one>",
                .handler = ReplicaOf},
    CommandSpec{.name = "role",
                .arity = 1,
                .flags = kNoScript | kLoading | kStale | kFast,
                .categories = kCatAdmin | kCatDangerous,
                .group = Group::kServer,
                .since = "2.8.12",
                .complexity = "O(1)",
                .summary = "Tells the node's role in replication.",
                .handler = Role},
    CommandSpec{.name = "psync",
                .arity = -3,
                .flags = kAskForData,
                .group = Group::kServer,
                .since = "2.8.0",
                .summary = "A follower asks for what it lacks.",
                .syntax = "replicationid offset",
                .handler = Psync},
    CommandSpec{.name = "failover",
                .arity = -1,
                .flags = kAdmin | kNoScript | kStale,
                .group = Group::kServer,
                .since = "6.2.0",
                .complexity = "O(1)",
                .summary = "Lets a follower lead as soon as it has everything.",
                .syntax = "[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
                .handler = Failover},
    CommandSpec{.name = "sync",
                .arity = 1,
                .flags = kAskForData,
                .group = Group::kServer,
                .since = "1.0.0",
                .summary = "A follower asks for everything.",
                .handler = Sync},
    CommandSpec{.name = "replconf",
                .arity = -1,
                .flags = kAdmin | kNoScript | kLoading | kStale | kAllowBusy | kSysCmd,
                .group = Group::kServer,
                .since = "3.0.0",
                .complexity = "O(1)",
                .summary = "A follower tells of itself.",
                .handler = ReplConf},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> ReplicationCommands() { return kCommands; }

}  // namespace henge::commands
