// SPDX-License-Identifier: Apache-2.0
#include "commands/introspection/command.h"

#include <functional>
#include <vector>

#include "base/glob.h"
#include "base/strings.h"
#include "commands/command_table.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/introspection/docs_reply.h"
#include "commands/introspection/info_reply.h"

namespace henge::commands {
namespace {

// Whether this node has the command.
bool IsHere(const CommandContext& ctx, const CommandInfo& info) {
  return (info.flags & kOnlySentinel) == 0 || ctx.services.sentinel() != nullptr;
}

// Commands, without the subcommands.
std::vector<const CommandInfo*> TopCommands(const CommandContext& ctx) {
  std::vector<const CommandInfo*> top;
  for (const CommandInfo& info : CommandTable::Get().all()) {
    if (info.container == nullptr && IsHere(ctx, info)) top.push_back(&info);
  }
  return top;
}

const CommandInfo* Find(const CommandContext& ctx, std::string_view name) {
  const CommandInfo* info = CommandTable::Get().Find(name);
  return info != nullptr && IsHere(ctx, *info) ? info : nullptr;
}

std::vector<const CommandInfo*> FindAll(const CommandContext& ctx, ArgReader& names) {
  std::vector<const CommandInfo*> found;
  while (!names.empty()) {
    const CommandInfo* info = Find(ctx, names.Next());
    if (info != nullptr) found.push_back(info);
  }
  return found;
}

using Filter = std::function<bool(const CommandInfo&)>;

// FILTERBY's filter; latches "syntax error".
Filter ReadFilter(ArgReader& args) {
  if (args.empty()) return [](const CommandInfo&) { return true; };
  if (!args.Accept("FILTERBY") || args.left() != 2) args.FailSyntax();
  const std::string_view by = args.Next();
  const std::string_view what = args.Next();
  if (EqualsIgnoreCase(by, "PATTERN")) {
    return [what](const CommandInfo& info) { return GlobMatch(what, info.full_name, true); };
  }
  if (EqualsIgnoreCase(by, "ACLCAT")) {
    const uint32_t category = CategoryNamed(what);
    return [category](const CommandInfo& info) { return (info.categories & category) != 0; };
  }
  if (!EqualsIgnoreCase(by, "MODULE")) args.FailSyntax();
  return [](const CommandInfo&) { return false; };  // There are no modules.
}

bool HasKeys(const CommandSpec& spec) {
  for (const KeySpec& key : spec.keys) {
    if (key.begin != KeySpec::Begin::kNone && (key.flags & kNotKey) == 0) return true;
  }
  return false;
}

// The keys of the call that stands behind "COMMAND GETKEYS"; latches what is wrong with it.
std::vector<KeyPosition> KeysOfCall(ArgReader& args, std::span<const std::string_view> call) {
  const auto [info, unknown_subcommand] = CommandTable::Get().Resolve(call);
  if (info == nullptr || unknown_subcommand) {
    args.Fail("ERR Invalid command specified");
    return {};
  }
  const CommandSpec& spec = *info->spec;
  const int count = static_cast<int>(call.size());
  std::vector<KeyPosition> found;
  if (!HasKeys(spec)) {
    args.Fail("ERR The command has no key arguments");
  } else if ((spec.arity > 0 && count != spec.arity) || count < -spec.arity) {
    args.Fail("ERR Invalid number of arguments specified for command");
  } else {
    if (!FindKeys(spec, call, found)) found.clear();
    std::erase_if(found, [](const KeyPosition& key) { return (key.flags & kNotKey) != 0; });
    if (found.empty() && (spec.flags & kNoMandatoryKeys) == 0) {
      args.Fail("ERR Invalid arguments specified for command");
    }
  }
  return found;
}

void GetKeys(CommandContext& ctx, ArgReader& args, bool with_flags) {
  const std::span<const std::string_view> call = args.all();
  const std::vector<KeyPosition> found = KeysOfCall(args, call);
  if (!args.ok()) return ctx.reply.Error(args.error());
  ctx.reply.Array(found.size());
  for (const auto& [index, flags] : found) {
    if (with_flags) ctx.reply.Array(2);
    ctx.reply.Bulk(call[static_cast<size_t>(index)]);
    if (with_flags) ReplyKeyFlags(ctx.reply, flags);
  }
}

}  // namespace

void CommandAll(CommandContext& ctx, ArgReader&) {
  const auto commands = TopCommands(ctx);
  ctx.reply.Array(commands.size());
  for (const CommandInfo* info : commands) ReplyCommandInfo(ctx.reply, *info);
}

void CommandCount(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(static_cast<int64_t>(TopCommands(ctx).size()));
}

void CommandList(CommandContext& ctx, ArgReader& args) {
  const Filter filter = ReadFilter(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  std::vector<std::string_view> names;
  for (const CommandInfo& info : CommandTable::Get().all()) {
    if (filter(info) && IsHere(ctx, info)) names.push_back(info.full_name);
  }
  ctx.reply.Array(names.size());
  for (const std::string_view name : names) ctx.reply.Bulk(name);
}

void CommandInfoOf(CommandContext& ctx, ArgReader& args) {
  if (args.empty()) return CommandAll(ctx, args);
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    const CommandInfo* info = Find(ctx, args.Next());
    info == nullptr ? ctx.reply.Null() : ReplyCommandInfo(ctx.reply, *info);
  }
}

// A command that is not known is left out.
void CommandDocs(CommandContext& ctx, ArgReader& args) {
  std::vector<const CommandInfo*> shown = args.empty() ? TopCommands(ctx) : FindAll(ctx, args);
  ctx.reply.Map(shown.size());
  for (const CommandInfo* info : shown) {
    ctx.reply.Bulk(info->full_name);
    ReplyCommandDocs(ctx.reply, *info);
  }
}

void CommandGetKeys(CommandContext& ctx, ArgReader& args) { GetKeys(ctx, args, false); }
void CommandGetKeysAndFlags(CommandContext& ctx, ArgReader& args) { GetKeys(ctx, args, true); }

void CommandHelp(CommandContext& ctx, ArgReader&) {
  static constexpr std::string_view kLines[] = {
      "(no subcommand)",
      "    Describe all commands.",
      "COUNT",
      "    Count the commands.",
      "DOCS [<command-name> ...]",
      "    Show the documentation of these commands, or of all.",
      "GETKEYS <full-command>",
      "    Find the keys in a command and its arguments.",
      "GETKEYSANDFLAGS <full-command>",
      "    The same, and how the command uses each key.",
      "INFO [<command-name> ...]",
      "    Describe these commands, or all.",
      "LIST [FILTERBY MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>]",
      "    List the names of commands and subcommands.",
  };
  ReplyHelp(ctx, "command", kLines);
}

}  // namespace henge::commands
