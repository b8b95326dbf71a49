// SPDX-License-Identifier: Apache-2.0
// The rows of the dump room.
#include <array>

#include "commands/command_table.h"
#include "commands/dump/handlers.h"

namespace henge::commands {
namespace {

constexpr CommandSpec RestoreRow(std::string_view name, std::string_view since, Group group,
                                 uint32_t flags, std::string_view summary) {
  return {
      .name = name,
      .arity = -4,
      .flags = kWrite | kDenyOom | flags,
      .categories = kCatKeyspace | kCatDangerous,
      .group = group,
      .since = since,
      .history = "3.0.0 REPLACE; 5.0.0 ABSTTL; 5.0.0 IDLETIME and FREQ",
      .complexity = "O(N) for a value of N elements, O(N log N) for a sorted set.",
      .summary = summary,
      .syntax =
          "key ttl#integer serialized-value [REPLACE@3.0.0] [ABSTTL@5.0.0] "
          "[IDLETIME@5.0.0 seconds] [FREQ@5.0.0 frequency#integer]",
      .keys = {keys::One(1, kOW | kUpdate)},
      .handler = Restore,
  };
}

constexpr KeySpec MigrateKeys() {
  KeySpec spec = keys::AfterKeyword("KEYS", -2, kRW | kAccess | kDelete | kIncomplete);
  spec.last = -1;
  return spec;
}
constexpr KeySpec kMigrateKeys = MigrateKeys();

constexpr std::array kCommands = {
    CommandSpec{
        .name = "dump",
        .arity = 2,
        .flags = kReadonly,
        .since = "2.6.0",
        .complexity = "O(N) for a value of N elements.",
        .summary = "Gives a key's value as a payload for RESTORE.",
        .syntax = "key",
        .tips = "nondeterministic_output",
        .keys = {keys::One(1, kRO | kAccess)},
        .handler = Dump,
    },
    CommandSpec{
        .name = "migrate",
        .arity = -6,
        .flags = kWrite,
        .categories = kCatKeyspace | kCatDangerous,
        .since = "2.6.0",
        .history = "3.0.0 COPY and REPLACE; 3.0.6 KEYS; 4.0.7 AUTH; 6.0.0 AUTH2",
        .complexity = "O(N) for values of N elements together, here and at the target.",
        .summary = "Moves keys to another server.",
        .syntax =
            "host port#integer <key-selector: key | empty-string='\"\"'> destination-db#integer "
            "timeout#integer [COPY@3.0.0] [REPLACE@3.0.0] "
            "[authentication: AUTH@4.0.7 auth=password | <auth2@6.0.0: AUTH2 username password>] "
            "[KEYS@3.0.6 keys=key#key:1 [key ...]]",
        .tips = "nondeterministic_output",
        .keys = {keys::One(3, kRW | kAccess | kDelete), kMigrateKeys},
        .refine_keys = RefineMigrateKeys,
        .moves_keys = true,
        .handler = Migrate,
    },
    RestoreRow("restore", "2.6.0", Group::kGeneric, 0, "Makes a key of a payload from DUMP."),
    RestoreRow("restore-asking", "3.0.0", Group::kServer, kAsking | kSysCmd,
               "Makes a key of a payload while its slot is imported."),
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> DumpCommands() { return kCommands; }

}  // namespace henge::commands
