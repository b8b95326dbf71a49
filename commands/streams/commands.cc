// SPDX-License-Identifier: Apache-2.0
// The rows of the streams room: entries and reading. Those about groups are in group_commands.cc.
#include <array>

#include "commands/command_table.h"
#include "commands/streams/handlers.h"

namespace henge::commands {
namespace {

// Keys behind STREAMS: the first half of what is left.
constexpr KeySpec StreamsKeys(int start) {
  KeySpec spec = keys::AfterKeyword("STREAMS", start, kRO | kAccess);
  spec.last = -1;
  spec.limit = 2;
  return spec;
}

constexpr std::string_view kRangeComplexity =
    "O(N), N being the number of entries returned, beside the way to the first of them.";

constexpr CommandSpec RangeRow(std::string_view name, std::string_view summary,
                               std::string_view syntax, Handler handler) {
  return {
      .name = name,
      .arity = -4,
      .flags = kReadonly,
      .group = Group::kStream,
      .since = "5.0.0",
      .history = "6.2.0 Ends that are not included.",
      .complexity = kRangeComplexity,
      .summary = summary,
      .syntax = syntax,
      .keys = {keys::One(1, kRO | kAccess)},
      .handler = handler,
  };
}

constexpr std::array kRows = {
    CommandSpec{
        .name = "xadd",
        .arity = -5,
        .flags = kWrite | kDenyOom | kFast,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "6.2.0 NOMKSTREAM, MINID and LIMIT; 7.0.0 IDs of which only the time is given.",
        .complexity = "O(1), and O(N) for N entries that are trimmed.",
        .summary = "Appends an entry to a stream, which is made if need be.",
        .syntax = "key [NOMKSTREAM@6.2.0] [trim: <strategy: MAXLEN | MINID@6.2.0> [= | ~] "
                  "threshold [LIMIT count@6.2.0]] <id-selector: auto-id=* | id#string> field value "
                  "[field value ...]",
        .tips = "nondeterministic_output",
        .keys = {keys::Noted(keys::One(1, kRW | kUpdate),
                             "UPDATE instead of INSERT because of the optional trimming feature")},
        .handler = XAdd,
    },
    CommandSpec{
        .name = "xdel",
        .arity = -3,
        .flags = kWrite | kFast,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(1) for each entry, however long the stream is.",
        .summary = "Deletes entries from a stream; tells how many.",
        .syntax = "key ID#string [ID ...]",
        .keys = {keys::One(1, kRW | kDelete)},
        .handler = XDel,
    },
    CommandSpec{
        .name = "xlen",
        .arity = 2,
        .flags = kReadonly | kFast,
        .group = Group::kStream,
        .since = "5.0.0",
        .complexity = "O(1)",
        .summary = "Tells how many entries a stream has.",
        .syntax = "key",
        .keys = {keys::One(1, kRO)},
        .handler = XLen,
    },
    RangeRow("xrange", "Returns the entries between two IDs.",
             "key start#string end#string [COUNT count]", XRange),
    CommandSpec{
        .name = "xread",
        .arity = -4,
        .flags = kBlocking | kReadonly,
        .group = Group::kStream,
        .since = "5.0.0",
        .summary = "Returns the entries behind given ones, of several streams; waits for them if "
                   "asked to.",
        .syntax = "[COUNT count] [BLOCK milliseconds#integer] STREAMS <streams: key [key ...] "
                  "ID#string [ID ...]>",
        .keys = {StreamsKeys(1)},
        .handler = XRead,
    },
    RangeRow("xrevrange", "Returns the entries between two IDs, the last one first.",
             "key end#string start#string [COUNT count]", XRevRange),
    CommandSpec{
        .name = "xsetid",
        .arity = -3,
        .flags = kWrite | kDenyOom | kFast,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "7.0.0 ENTRIESADDED and MAXDELETEDID.",
        .complexity = "O(1)",
        .summary = "Sets what a stream remembers of entries that it no longer has.",
        .syntax = "key last-id#string [ENTRIESADDED entries-added#integer@7.0.0] [MAXDELETEDID "
                  "max-deleted-id#string@7.0.0]",
        .keys = {keys::One(1, kRW | kUpdate)},
        .handler = XSetId,
    },
    CommandSpec{
        .name = "xtrim",
        .arity = -4,
        .flags = kWrite,
        .group = Group::kStream,
        .since = "5.0.0",
        .history = "6.2.0 MINID and LIMIT.",
        .complexity =
            "O(N), N being the number of entries that go, most of them a block at a time.",
        .summary = "Deletes entries from a stream's front.",
        .syntax = "key <trim: <strategy: MAXLEN | MINID@6.2.0> [= | ~] threshold [LIMIT "
                  "count@6.2.0]>",
        .tips = "nondeterministic_output",
        .keys = {keys::One(1, kRW | kDelete)},
        .handler = XTrim,
    },
};
static_assert(SpecsAreSound(kRows));

}  // namespace

std::span<const CommandSpec> StreamCommands() { return kRows; }

}  // namespace henge::commands
