// SPDX-License-Identifier: Apache-2.0
#include "commands/introspection/info_reply.h"

#include <string>
#include <vector>

namespace henge::commands {
namespace {

using proto::ReplyWriter;

void ReplyTips(ReplyWriter& reply, std::string_view tips) {
  std::vector<std::string_view> words;
  while (!tips.empty()) {
    const size_t end = tips.find(' ');
    words.push_back(tips.substr(0, end));
    tips.remove_prefix(end == std::string_view::npos ? tips.size() : end + 1);
  }
  reply.Set(words.size());
  for (const std::string_view word : words) reply.Bulk(word);
}

// A step of a key spec: its type, and the numbers and words that go with the type.
void ReplyStep(ReplyWriter& reply, std::string_view step, std::string_view type, size_t details) {
  reply.Bulk(step);
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk(type);
  reply.Bulk("spec");
  reply.Map(details);
}

void ReplyNumber(ReplyWriter& reply, std::string_view name, int value) {
  reply.Bulk(name);
  reply.Integer(value);
}

void ReplyBeginSearch(ReplyWriter& reply, const KeySpec& key) {
  switch (key.begin) {
    case KeySpec::Begin::kIndex:
      ReplyStep(reply, "begin_search", "index", 1);
      return ReplyNumber(reply, "index", key.position);
    case KeySpec::Begin::kKeyword:
      ReplyStep(reply, "begin_search", "keyword", 2);
      reply.Bulk("keyword");
      reply.Bulk(key.keyword);
      return ReplyNumber(reply, "startfrom", key.position);
    default:
      return ReplyStep(reply, "begin_search", "unknown", 0);
  }
}

void ReplyFindKeys(ReplyWriter& reply, const KeySpec& key) {
  switch (key.find) {
    case KeySpec::Find::kRange:
      ReplyStep(reply, "find_keys", "range", 3);
      ReplyNumber(reply, "lastkey", key.last);
      ReplyNumber(reply, "keystep", key.step);
      return ReplyNumber(reply, "limit", key.limit);
    case KeySpec::Find::kCounted:
      ReplyStep(reply, "find_keys", "keynum", 3);
      ReplyNumber(reply, "keynumidx", key.count_index);
      ReplyNumber(reply, "firstkey", key.first);
      return ReplyNumber(reply, "keystep", key.step);
    default:
      return ReplyStep(reply, "find_keys", "unknown", 0);
  }
}

void ReplyKeySpecs(ReplyWriter& reply, const CommandSpec& spec) {
  size_t count = 0;
  while (count < std::size(spec.keys) && spec.keys[count].begin != KeySpec::Begin::kNone) ++count;
  reply.Set(count);
  for (const KeySpec& key : std::span(spec.keys).first(count)) {
    reply.Map(key.notes.empty() ? 3 : 4);
    if (!key.notes.empty()) {
      reply.Bulk("notes");
      reply.Bulk(key.notes);
    }
    reply.Bulk("flags");
    ReplyKeyFlags(reply, key.flags);
    ReplyBeginSearch(reply, key);
    ReplyFindKeys(reply, key);
  }
}

}  // namespace

void ReplyNames(ReplyWriter& reply, std::span<const std::string_view> names,
                std::string_view prefix) {
  reply.Set(names.size());
  for (const std::string_view name : names) reply.Simple(std::string(prefix) + std::string(name));
}

void ReplyKeyFlags(ReplyWriter& reply, uint16_t flags) { ReplyNames(reply, KeyFlagNames(flags)); }

std::span<const CommandInfo> SubcommandsOf(const CommandInfo& container) {
  const std::span<const CommandInfo> all = CommandTable::Get().all();
  return all.subspan(static_cast<size_t>(container.index) + 1, container.spec->subcommands.size());
}

void ReplyCommandInfo(ReplyWriter& reply, const CommandInfo& info) {
  reply.Array(10);
  reply.Bulk(info.full_name);
  reply.Integer(info.spec->arity);
  ReplyNames(reply, FlagNames(info));
  reply.Integer(info.first_key);
  reply.Integer(info.last_key);
  reply.Integer(info.key_step);
  ReplyNames(reply, CategoryNames(info.categories), "@");
  ReplyTips(reply, info.spec->tips);
  ReplyKeySpecs(reply, *info.spec);
  const std::span<const CommandInfo> subcommands = SubcommandsOf(info);
  subcommands.empty() ? reply.Set(0) : reply.Array(subcommands.size());
  for (const CommandInfo& sub : subcommands) ReplyCommandInfo(reply, sub);
}

}  // namespace henge::commands
