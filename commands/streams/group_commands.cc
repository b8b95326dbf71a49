// SPDX-License-Identifier: Apache-2.0
// The rows of the streams room that are about consumer groups, and XINFO.
#include <array>

#include "commands/command_table.h"
#include "commands/streams/handlers.h"

namespace henge::commands {
namespace {

constexpr KeySpec StreamsKeys(int start) {
  KeySpec spec = keys::AfterKeyword("STREAMS", start, kRO | kAccess);
  spec.last = -1;
  spec.limit = 2;
  return spec;
}

constexpr CommandSpec HelpRow(Handler handler) {
  CommandSpec row;
  row.name = "help";
  row.arity = 2;
  row.flags = kLoading | kStale;
  row.group = Group::kStream;
  row.since = "5.0.0";
  row.complexity = "O(1)";
  row.summary = "Lists the subcommands.";
  row.handler = handler;
  return row;
}

constexpr std::array kGroupSubcommands = {
    CommandSpec{
        .name = "create",
        .arity = -5,
        .flags = kWrite | kDenyOom,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "7.0.0 ENTRIESREAD.",
        .complexity = "O(1)",
        .summary = "Makes a consumer group.",
        .syntax = "key group <id-selector: id#string | new-id=$> [MKSTREAM] [ENTRIESREAD "
                  "entries-read#integer]",
        .keys = {keys::One(2, kRW | kInsert)},
        .handler = XGroupCreate,
    },
    CommandSpec{
        .name = "createconsumer",
        .arity = 5,
        .flags = kWrite | kDenyOom,
        .group = Group::kStream,
        .since = "6.2.0",
        .complexity = "O(1)",
        .summary = "Makes a consumer in a group.",
        .syntax = "key group consumer",
        .keys = {keys::One(2, kRW | kInsert)},
        .handler = XGroupCreateConsumer,
    },
    CommandSpec{
        .name = "delconsumer",
        .arity = 5,
        .flags = kWrite,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(N), N being the number of entries pending in the group.",
        .summary = "Drops a consumer, and what is pending for it.",
        .syntax = "key group consumer",
        .keys = {keys::One(2, kRW | kDelete)},
        .handler = XGroupDelConsumer,
    },
    CommandSpec{
        .name = "destroy",
        .arity = 4,
        .flags = kWrite,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(1); what was pending is freed aside.",
        .summary = "Drops a consumer group.",
        .syntax = "key group",
        .keys = {keys::One(2, kRW | kDelete)},
        .handler = XGroupDestroy,
    },
    HelpRow(XGroupHelp),
    CommandSpec{
        .name = "setid",
        .arity = -5,
        .flags = kWrite,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "7.0.0 ENTRIESREAD.",
        .complexity = "O(1)",
        .summary = "Sets up to where a group has read.",
        .syntax = "key group <id-selector: id#string | new-id=$> [entriesread=ENTRIESREAD "
                  "entries-read#integer]",
        .keys = {keys::One(2, kRW | kUpdate)},
        .handler = XGroupSetId,
    },
};

constexpr std::array kInfoSubcommands = {
    CommandSpec{
        .name = "consumers",
        .arity = 4,
        .flags = kReadonly,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "7.2.0 How long a consumer has got nothing.",
        .complexity = "O(N), N being the number of consumers.",
        .summary = "Lists the consumers of a group.",
        .syntax = "key group",
        .tips = "nondeterministic_output",
        .keys = {keys::One(2, kRO | kAccess)},
        .handler = XInfoConsumers,
    },
    CommandSpec{
        .name = "groups",
        .arity = 3,
        .flags = kReadonly,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "7.0.0 How many entries a group has read, and has yet to read.",
        .complexity = "O(N), N being the number of groups.",
        .summary = "Lists the groups of a stream.",
        .syntax = "key",
        .keys = {keys::One(2, kRO | kAccess)},
        .handler = XInfoGroups,
    },
    HelpRow(XInfoHelp),
    CommandSpec{
        .name = "stream",
        .arity = -3,
        .flags = kReadonly,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "6.0.0 FULL; 7.0.0 Counts of what was added, deleted and read; 7.2.0 When a "
                   "consumer last got something, beside when it last asked.",
        .complexity = "O(N) for N blocks of entries.",
        .summary = "Tells about a stream.",
        .syntax = "key [full-block: FULL [COUNT count]]",
        .keys = {keys::One(2, kRO | kAccess)},
        .handler = XInfoStream,
    },
};

constexpr std::array kRows = {
    CommandSpec{
        .name = "xack",
        .arity = -4,
        .flags = kWrite | kFast,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(log N) for each entry, N being what is pending in the group.",
        .summary = "Acknowledges entries that were delivered; tells how many.",
        .syntax = "key group ID#string [ID ...]",
        .keys = {keys::One(1, kRW | kUpdate)},
        .handler = XAck,
    },
    CommandSpec{
        .name = "xautoclaim",
        .arity = -6,
        .flags = kWrite | kFast,
        .group = Group::kStream,
        .since = "6.2.0",
        .history = "7.0.0 Also returns the IDs whose entries were deleted.",
        .complexity = "O(1) if COUNT is small.",
        .summary = "Makes what has been pending for long another consumer's, whatever it is.",
        .syntax = "key group consumer min-idle-time#string start#string [COUNT count] [JUSTID]",
        .tips = "nondeterministic_output",
        .keys = {keys::One(1, kRW | kDelete)},
        .handler = XAutoClaim,
    },
    CommandSpec{
        .name = "xclaim",
        .arity = -6,
        .flags = kWrite | kFast,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(log N) for each entry, N being what is pending in the group.",
        .summary = "Makes entries that were delivered another consumer's.",
        .syntax = "key group consumer min-idle-time#string ID#string [ID ...] [IDLE ms] [TIME "
                  "unix-time-milliseconds] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID "
                  "lastid#string]",
        .tips = "nondeterministic_output",
        .keys = {keys::One(1, kRW | kUpdate)},
        .handler = XClaim,
    },
    CommandSpec{
        .name = "xgroup",
        .arity = -2,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "By subcommand.",
        .summary = "Makes and drops consumer groups.",
        .subcommands = kGroupSubcommands,
    },
    CommandSpec{
        .name = "xinfo",
        .arity = -2,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "By subcommand.",
        .summary = "Tells about streams and their groups.",
        .subcommands = kInfoSubcommands,
    },
    CommandSpec{
        .name = "xpending",
        .arity = -3,
        .flags = kReadonly,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "6.2.0 IDLE, and ends that are not included.",
        .complexity = "O(N) for N entries looked at; without a range O(C) for C consumers.",
        .summary = "Tells what was delivered to a group and not yet acknowledged.",
        .syntax = "key group [filters: [IDLE min-idle-time#integer@6.2.0] start#string end#string "
                  "count [consumer]]",
        .tips = "nondeterministic_output",
        .keys = {keys::One(1, kRO | kAccess)},
        .handler = XPending,
    },
    CommandSpec{
        .name = "xreadgroup",
        .arity = -7,
        .flags = kBlocking | kWrite,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(M) for each stream, M being the number of entries returned.",
        .summary = "Returns what a group has not had yet, or what is pending for a consumer; waits "
                   "for the former if asked to.",
        .syntax = "GROUP <group-block: group consumer> [COUNT count] [BLOCK milliseconds#integer] "
                  "[NOACK] STREAMS <streams: key [key ...] ID#string [ID ...]>",
        .keys = {StreamsKeys(4)},
        .handler = XReadGroup,
    },
};
static_assert(SpecsAreSound(kRows));

}  // namespace

std::span<const CommandSpec> StreamGroupCommands() { return kRows; }

}  // namespace henge::commands
