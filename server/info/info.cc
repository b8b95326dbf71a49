// SPDX-License-Identifier: Apache-2.0
#include "server/info/info.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/strings.h"
#include "server/info/sections.h"

namespace henge::server {
namespace {

struct Section {
  std::string_view name;
  std::string_view title;
  void (*collect)(Node&, InfoFields&);
  bool by_default = true;
  bool in_all = true;
};

constexpr std::array kSections = {
    Section{"server", "Server", ServerFields},
    Section{"clients", "Clients", ClientFields},
    Section{"memory", "Memory", MemoryFields},
    Section{"persistence", "Persistence", PersistenceFields},
    Section{"stats", "Stats", StatsFields},
    Section{"replication", "Replication", ReplicationFields},
    Section{"cpu", "CPU", CpuFields},
    Section{"modules", "Modules", ModuleFields},
    Section{"commandstats", "Commandstats", CommandFields, false},
    Section{"errorstats", "Errorstats", ErrorFields},
    Section{"latencystats", "Latencystats", LatencyFields, false},
    Section{"cluster", "Cluster", ClusterFields},
    Section{"sentinel", "Sentinel", SentinelFields},
    Section{"keyspace", "Keyspace", KeyspaceFields},
    Section{"debug", "Debug", DebugFields, false, false},
};

bool Wanted(const Section& section, const std::vector<std::string>& names) {
  if (names.empty()) return section.by_default;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (EqualsIgnoreCase(name, "all") || EqualsIgnoreCase(name, "everything")) {
      return section.in_all;
    }
    if (EqualsIgnoreCase(name, "default")) return section.by_default;
    return EqualsIgnoreCase(name, section.name);
  });
}

}  // namespace

std::vector<InfoSection> CollectInfo(Node& node, const std::vector<std::string>& sections) {
  std::vector<InfoSection> out;
  for (const Section& section : kSections) {
    if (!Wanted(section, sections)) continue;
    out.push_back({section.name, section.title, {}});
    section.collect(node, out.back().fields);
    const bool absent = section.collect == SentinelFields && out.back().fields.all().empty();
    if (absent) out.pop_back();
  }
  return out;
}

std::string InfoText(Node& node, const std::vector<std::string>& sections) {
  std::string text;
  for (const InfoSection& section : CollectInfo(node, sections)) {
    if (!text.empty()) text += "\r\n";
    fmt::format_to(std::back_inserter(text), "# {}\r\n", section.title);
    for (const InfoField& field : section.fields.all()) {
      fmt::format_to(std::back_inserter(text), "{}:{}\r\n", field.name, field.value);
    }
  }
  return text;
}

}  // namespace henge::server
