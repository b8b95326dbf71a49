// SPDX-License-Identifier: Apache-2.0
#include "commands/introspection/docs_reply.h"

#include "commands/introspection/info_reply.h"

namespace henge::commands {
namespace {

using proto::ReplyWriter;

// Fields of a map, of which those that have nothing to say are left out.
class Fields {
 public:
  void Text(std::string_view name, std::string_view text) {
    if (!text.empty()) texts_.emplace_back(name, text);
  }
  // The map's header, with `more` fields to come, and the fields so far.
  void Begin(ReplyWriter& reply, size_t more) const {
    reply.Map(texts_.size() + more);
    for (const auto& [name, text] : texts_) {
      reply.Bulk(name);
      reply.Bulk(text);
    }
  }

 private:
  std::vector<std::pair<std::string_view, std::string_view>> texts_;
};

std::vector<std::string_view> FlagsOf(const Argument& argument) {
  std::vector<std::string_view> flags;
  if (argument.optional) flags.push_back("optional");
  if (argument.multiple) flags.push_back("multiple");
  if (argument.multiple_token) flags.push_back("multiple_token");
  return flags;
}

void ReplyArguments(ReplyWriter& reply, const std::vector<Argument>& arguments);

void ReplyArgument(ReplyWriter& reply, const Argument& argument) {
  Fields fields;
  fields.Text("name", argument.name);
  fields.Text("type", TypeName(argument.type));
  fields.Text("display_text", argument.text);
  fields.Text("token", argument.token);
  fields.Text("since", argument.since);
  fields.Text("deprecated_since", argument.deprecated_since);
  const auto flags = FlagsOf(argument);
  const bool has_key = argument.key_spec >= 0, nested = !argument.arguments.empty();
  fields.Begin(reply, (has_key ? 1u : 0u) + (flags.empty() ? 0u : 1u) + (nested ? 1u : 0u));
  if (has_key) {
    reply.Bulk("key_spec_index");
    reply.Integer(argument.key_spec);
  }
  if (!flags.empty()) {
    reply.Bulk("flags");
    ReplyNames(reply, flags);
  }
  if (!nested) return;
  reply.Bulk("arguments");
  ReplyArguments(reply, argument.arguments);
}

void ReplyArguments(ReplyWriter& reply, const std::vector<Argument>& arguments) {
  reply.Array(arguments.size());
  for (const Argument& argument : arguments) ReplyArgument(reply, argument);
}

std::vector<std::string_view> DocFlagsOf(const CommandSpec& spec) {
  std::vector<std::string_view> flags;
  if (!spec.deprecated_since.empty()) flags.push_back("deprecated");
  if ((spec.flags & kSysCmd) != 0) flags.push_back("syscmd");
  return flags;
}

void ReplyHistory(ReplyWriter& reply, std::string_view text) {
  const auto history = ReadHistory(text);
  reply.Set(history.size());
  for (const auto& [since, change] : history) {
    reply.Array(2);
    reply.Bulk(since);
    reply.Bulk(change);
  }
}

}  // namespace

std::vector<std::pair<std::string_view, std::string_view>> ReadHistory(std::string_view history) {
  std::vector<std::pair<std::string_view, std::string_view>> out;
  while (!history.empty()) {
    const size_t end = history.find("; ");
    const std::string_view entry = history.substr(0, end);
    const size_t space = entry.find(' ');
    if (space == std::string_view::npos) break;
    out.emplace_back(entry.substr(0, space), entry.substr(space + 1));
    if (end == std::string_view::npos) break;
    history.remove_prefix(end + 2);
  }
  return out;
}

const std::vector<Argument>& ArgumentsOf(const CommandInfo& info) {
  static const auto* parsed = [] {
    auto* all = new std::vector<std::vector<Argument>>;
    for (const CommandInfo& each : CommandTable::Get().all()) {
      int key_specs = 0;
      for (const KeySpec& key : each.spec->keys) {
        key_specs += key.begin != KeySpec::Begin::kNone ? 1 : 0;
      }
      all->push_back(ParseSyntax(each.spec->syntax, key_specs).value_or(std::vector<Argument>()));
    }
    return all;
  }();
  return (*parsed)[static_cast<size_t>(info.index)];
}

void ReplyCommandDocs(ReplyWriter& reply, const CommandInfo& info) {
  const CommandSpec& spec = *info.spec;
  const auto& arguments = ArgumentsOf(info);
  const auto flags = DocFlagsOf(spec);
  Fields fields;
  fields.Text("summary", spec.summary);
  fields.Text("since", spec.since);
  fields.Text("group", GroupName(spec.group));
  fields.Text("complexity", spec.complexity);
  fields.Text("deprecated_since", spec.deprecated_since);
  fields.Text("replaced_by", spec.replaced_by);
  const bool history = !spec.history.empty();
  const auto subcommands = SubcommandsOf(info);
  fields.Begin(reply, (flags.empty() ? 0u : 1u) + (history ? 1u : 0u) +
                          (arguments.empty() ? 0u : 1u) + (subcommands.empty() ? 0u : 1u));
  if (!flags.empty()) {
    reply.Bulk("doc_flags");
    ReplyNames(reply, flags);
  }
  if (history) {
    reply.Bulk("history");
    ReplyHistory(reply, spec.history);
  }
  if (!arguments.empty()) {
    reply.Bulk("arguments");
    ReplyArguments(reply, arguments);
  }
  if (subcommands.empty()) return;
  reply.Bulk("subcommands");
  reply.Map(subcommands.size());
  for (const CommandInfo& sub : subcommands) {
    reply.Bulk(sub.full_name);
    ReplyCommandDocs(reply, sub);
  }
}

}  // namespace henge::commands
