// SPDX-License-Identifier: Apache-2.0
// The rows of the scripting room.
#include <array>

#include "commands/command_table.h"
#include "commands/scripting/handlers.h"

namespace henge::commands {
namespace {

constexpr uint32_t kRunFlags = kNoScript | kSkipMonitor | kNoMandatoryKeys | kStale | kRunsScript;
constexpr int kKeysMayChange = kRW | kAccess | kUpdate;
constexpr int kKeysAreRead = kRO | kAccess;
constexpr std::string_view kComplexity = "Depends on what is run.";

struct RunRow {
  std::string_view name;
  std::string_view since;
  std::string_view summary;
  std::string_view syntax;
  KeySpec keys;
  Handler handler;
};
constexpr CommandSpec Runs(const RunRow& row, bool read_only) {
  return {.name = row.name,
          .arity = -3,
          .flags = kRunFlags | (read_only ? kReadonly : kMayReplicate),
          .group = Group::kScripting,
          .since = row.since,
          .complexity = kComplexity,
          .summary = row.summary,
          .syntax = row.syntax,
          .keys = {row.keys},
          .handler = row.handler};
}

constexpr std::array kScript = {
    CommandSpec{.name = "debug",
                .arity = 3,
                .flags = kNoScript,
                .group = Group::kScripting,
                .since = "3.2.0",
                .complexity = "O(1)",
                .summary = "Sets the debug mode of scripts.",
                .syntax = "<mode: YES | SYNC | NO>",
                .handler = ScriptDebug},
    CommandSpec{.name = "exists",
                .arity = -3,
                .flags = kNoScript,
                .group = Group::kScripting,
                .since = "2.6.0",
                .complexity = "O(N) in the number of digests.",
                .summary = "Tells which scripts are in the cache.",
                .syntax = "sha1 [sha1 ...]",
                .tips = "request_policy:all_shards response_policy:agg_logical_and",
                .handler = ScriptExists},
    CommandSpec{.name = "flush",
                .arity = -2,
                .flags = kNoScript,
                .group = Group::kScripting,
                .since = "2.6.0",
                .history = "6.2.0 ASYNC and SYNC",
                .complexity = "O(N) in the number of scripts.",
                .summary = "Empties the cache of scripts.",
                .syntax = "[flush-type@6.2.0: ASYNC | SYNC]",
                .tips = "request_policy:all_nodes response_policy:all_succeeded",
                .handler = ScriptFlush},
    CommandSpec{.name = "help",
                .arity = 2,
                .flags = kLoading | kStale,
                .group = Group::kScripting,
                .since = "5.0.0",
                .complexity = "O(1)",
                .summary = "Tells what the subcommands do.",
                .handler = ScriptHelp},
    CommandSpec{.name = "kill",
                .arity = 2,
                .flags = kNoScript | kAllowBusy,
                .group = Group::kScripting,
                .since = "2.6.0",
                .complexity = "O(1)",
                .summary = "Ends the script that runs, unless it has written.",
                .tips = "request_policy:all_shards response_policy:one_succeeded",
                .handler = ScriptKill},
    CommandSpec{.name = "load",
                .arity = 3,
                .flags = kNoScript | kStale,
                .group = Group::kScripting,
                .since = "2.6.0",
                .complexity = "O(N) in the script's length.",
                .summary = "Puts a script into the cache.",
                .syntax = "script",
                .tips = "request_policy:all_nodes response_policy:all_succeeded",
                .handler = ScriptLoad},
};

constexpr std::array kFunction = {
    CommandSpec{.name = "delete",
                .arity = 3,
                .flags = kNoScript | kWrite,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(1)",
                .summary = "Deletes a library and its functions.",
                .syntax = "library-name",
                .tips = "request_policy:all_shards response_policy:all_succeeded",
                .handler = FunctionDelete},
    CommandSpec{.name = "dump",
                .arity = 2,
                .flags = kNoScript,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(N) in the number of functions.",
                .summary = "Gives all libraries as a payload for FUNCTION RESTORE.",
                .handler = FunctionDump},
    CommandSpec{.name = "flush",
                .arity = -2,
                .flags = kNoScript | kWrite,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(N) in the number of functions.",
                .summary = "Deletes all libraries.",
                .syntax = "[flush-type: ASYNC | SYNC]",
                .tips = "request_policy:all_shards response_policy:all_succeeded",
                .handler = FunctionFlush},
    CommandSpec{.name = "help",
                .arity = 2,
                .flags = kLoading | kStale,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(1)",
                .summary = "Tells what the subcommands do.",
                .handler = FunctionHelp},
    CommandSpec{.name = "kill",
                .arity = 2,
                .flags = kNoScript | kAllowBusy,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(1)",
                .summary = "Ends the function that runs, unless it has written.",
                .tips = "request_policy:all_shards response_policy:one_succeeded",
                .handler = FunctionKill},
    CommandSpec{.name = "list",
                .arity = -2,
                .flags = kNoScript,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(N) in the number of functions.",
                .summary = "Tells of all libraries.",
                .syntax = "[LIBRARYNAME library-name-pattern] [WITHCODE]",
                .tips = "nondeterministic_output_order",
                .handler = FunctionList},
    CommandSpec{.name = "load",
                .arity = -3,
                .flags = kNoScript | kWrite | kDenyOom,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(1), apart from compiling.",
                .summary = "Makes a library of code.",
                .syntax = "[REPLACE] function-code",
                .tips = "request_policy:all_shards response_policy:all_succeeded",
                .handler = FunctionLoad},
    CommandSpec{.name = "restore",
                .arity = -3,
                .flags = kNoScript | kWrite | kDenyOom,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(N) in the number of functions.",
                .summary = "Loads the libraries of a payload.",
                .syntax = "serialized-value [policy: FLUSH | APPEND | REPLACE]",
                .tips = "request_policy:all_shards response_policy:all_succeeded",
                .handler = FunctionRestore},
    CommandSpec{.name = "stats",
                .arity = 2,
                .flags = kNoScript | kAllowBusy,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "O(1)",
                .summary = "Tells which function runs now.",
                .tips = "nondeterministic_output request_policy:all_shards response_policy:special",
                .handler = FunctionStats},
};

constexpr std::array kCommands = {
    Runs({"eval", "2.6.0", "Runs a script.", "script numkeys [key [key ...]] [arg [arg ...]]",
          keys::Noted(keys::Counted(2, kKeysMayChange),
                      "We cannot tell how the keys will be used so we assume the worst, RW and "
                      "UPDATE"),
          Eval},
         false),
    Runs({"eval_ro", "7.0.0", "Runs a script that only reads.",
          "script numkeys [key [key ...]] [arg [arg ...]]",
          keys::Noted(keys::Counted(2, kKeysAreRead),
                      "We cannot tell how the keys will be used so we assume the worst, RO and "
                      "ACCESS"),
          Eval},
         true),
    Runs(
        {"evalsha", "2.6.0", "Runs a script from the cache, by its SHA-1.",
         "sha1 numkeys [key [key ...]] [arg [arg ...]]", keys::Counted(2, kKeysMayChange), EvalSha},
        false),
    Runs({"evalsha_ro", "7.0.0", "Runs a script that only reads from the cache, by its SHA-1.",
          "sha1 numkeys [key [key ...]] [arg [arg ...]]", keys::Counted(2, kKeysAreRead), EvalSha},
         true),
    Runs({"fcall", "7.0.0", "Calls a function.", "function numkeys [key [key ...]] [arg [arg ...]]",
          keys::Noted(keys::Counted(2, kKeysMayChange),
                      "We cannot tell how the keys will be used so we assume the worst, RW and "
                      "UPDATE"),
          FunctionCall},
         false),
    Runs({"fcall_ro", "7.0.0", "Calls a function that only reads.",
          "function numkeys [key [key ...]] [arg [arg ...]]",
          keys::Noted(keys::Counted(2, kKeysAreRead),
                      "We cannot tell how the keys will be used so we assume the worst, RO and "
                      "ACCESS"),
          FunctionCall},
         true),
    CommandSpec{.name = "function",
                .arity = -2,
                .group = Group::kScripting,
                .since = "7.0.0",
                .complexity = "Depends on the subcommand.",
                .summary = "Looks after the libraries of functions.",
                .subcommands = kFunction},
    CommandSpec{.name = "script",
                .arity = -2,
                .group = Group::kScripting,
                .since = "2.6.0",
                .complexity = "Depends on the subcommand.",
                .summary = "Looks after the cache of scripts.",
                .subcommands = kScript},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> ScriptingCommands() { return kCommands; }

}  // namespace henge::commands
