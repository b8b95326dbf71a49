// SPDX-License-Identifier: Apache-2.0
#include "commands/command_reference.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "commands/syntax.h"

namespace henge::commands {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Commands

Printed by `henge-server --command-reference` from the rows that the server works with. *Since* is the
version of Redis that brought a command; it takes the arguments that Redis 7.2 takes. What is missing
stands in [What differs from Redis](../differences.md).
)";

constexpr std::string_view kTableHead =
    "\n| command | since | complexity | what it does |\n|---|---|---|---|\n";

std::string_view Title(Group group) {
  switch (group) {
    case Group::kGeneric:
      return "Keys";
    case Group::kString:
      return "Strings";
    case Group::kList:
      return "Lists";
    case Group::kSet:
      return "Sets";
    case Group::kSortedSet:
      return "Sorted sets";
    case Group::kHash:
      return "Hashes";
    case Group::kPubsub:
      return "Publish and subscribe";
    case Group::kTransactions:
      return "Transactions";
    case Group::kConnection:
      return "Connections";
    case Group::kServer:
      return "Server";
    case Group::kScripting:
      return "Scripts and functions";
    case Group::kHyperLogLog:
      return "HyperLogLog";
    case Group::kCluster:
      return "Cluster";
    case Group::kSentinel:
      return "Sentinel";
    case Group::kGeo:
      return "Geo";
    case Group::kStream:
      return "Streams";
    case Group::kBitmap:
      return "Bitmaps";
  }
  return "Others";
}

// A bar would end the cell, even in code.
void AppendCell(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
}

// "client|list" as it is typed.
std::string Typed(const CommandInfo& info) {
  std::string name = info.full_name;
  for (char& c : name) {
    if (c == '|') c = ' ';
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

void AppendRow(const CommandInfo& info, std::string& out) {
  const CommandSpec& spec = *info.spec;
  out += "| `" + Typed(info);
  if (const auto arguments = ParseSyntax(spec.syntax, 0); arguments && !arguments->empty()) {
    out += ' ';
    AppendCell(SyntaxText(*arguments), out);
  }
  out += "` | ";
  AppendCell(spec.since, out);
  out += " | ";
  AppendCell(spec.complexity, out);
  out += " | ";
  AppendCell(spec.summary, out);
  out += " |\n";
}

}  // namespace

std::string CommandReference(std::span<const CommandInfo> infos) {
  std::map<std::string_view, std::vector<const CommandInfo*>> sections;
  for (const CommandInfo& info : infos) {
    if (info.spec->handler != nullptr) sections[Title(info.spec->group)].push_back(&info);
  }
  std::string out(kIntroduction);
  for (auto& [title, members] : sections) {
    std::ranges::sort(members, {}, [](const CommandInfo* info) { return info->full_name; });
    out.append("\n## ").append(title).append("\n").append(kTableHead);
    for (const CommandInfo* info : members) AppendRow(*info, out);
  }
  return out;
}

}  // namespace henge::commands
