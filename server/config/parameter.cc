// SPDX-License-Identifier: Apache-2.0
#include "server/config/parameter.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "server/config/parameter_rows.h"
#include "server/config/value.h"

namespace henge::server {
namespace {

constexpr int64_t kMaxIoThreads = 128;

struct Registry {
  std::vector<Parameter> parameters;
  StringMap<const Parameter*> by_name;  // Names and aliases, in lower case.
  StringMap<const Parameter*> by_path;
  StringSet sections;

  Registry() {
    for (const auto rows : {rows::Server(), rows::Memory(), rows::Persistence(),
                            rows::Replication(), rows::Cluster(), rows::Observability()}) {
      parameters.insert(parameters.end(), rows.begin(), rows.end());
    }
    for (Parameter& parameter : parameters) Enter(parameter);
  }

  void Enter(Parameter& parameter) {
    if (parameter.default_number == kOnePerCore) {
      const int64_t cores = std::thread::hardware_concurrency();
      parameter.default_number = std::clamp<int64_t>(cores, 1, kMaxIoThreads);
    }
    by_name.emplace(std::string(parameter.name), &parameter);
    for (const std::string_view alias : parameter.aliases) {
      if (!alias.empty()) by_name.emplace(std::string(alias), &parameter);
    }
    by_path.emplace(std::string(parameter.yaml), &parameter);
    for (size_t dot = parameter.yaml.find('.'); dot != std::string_view::npos;
         dot = parameter.yaml.find('.', dot + 1)) {
      sections.emplace(parameter.yaml.substr(0, dot));
    }
  }
};

const Registry& TheRegistry() {
  static const Registry registry;
  return registry;
}

const Parameter* Lookup(const StringMap<const Parameter*>& map, std::string_view key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : it->second;
}

std::string ListChoices(const Parameter& parameter) {
  std::string list;
  for (const ChoiceName& choice : parameter.choices) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", Absl(choice.name));
  }
  return list;
}

}  // namespace

std::span<const Parameter> AllParameters() { return TheRegistry().parameters; }

const Parameter* FindParameter(std::string_view name) {
  return Lookup(TheRegistry().by_name, ToLower(name));
}

const Parameter* FindParameterByYamlPath(std::string_view path) {
  return Lookup(TheRegistry().by_path, path);
}

bool IsYamlSection(std::string_view path) { return TheRegistry().sections.contains(path); }

std::string Expectation(const Parameter& parameter) {
  switch (parameter.type) {
    case ParameterType::kBool:
      return "yes or no";
    case ParameterType::kInt:
      return absl::StrCat("an integer between ", parameter.min, " and ", parameter.max);
    case ParameterType::kOctal:
      return "an octal number between 0 and 777";
    case ParameterType::kSize:
      return "a size in bytes such as 1048576, 512kb, 100mb or 2gb";
    case ParameterType::kSizeOrPercent:
      return "a size in bytes such as 100mb, or a percentage such as 5%";
    case ParameterType::kOneOf:
      return absl::StrCat("one of ", ListChoices(parameter));
    case ParameterType::kAnyOf:
      return absl::StrCat("one or more of ", ListChoices(parameter));
    case ParameterType::kString:
      return "a text";
    case ParameterType::kBind:
      return "up to 16 addresses";
    case ParameterType::kDirectory:
      return "a directory that exists";
    case ParameterType::kSavePoints:
      return "pairs of seconds and changes such as 900 1, or \"\" for none";
    case ParameterType::kOutputBufferLimit:
      return "groups of class (normal, replica, pubsub), hard limit, soft limit and seconds";
    case ParameterType::kKeyspaceEvents:
      return "letters out of KEg$lshzxetmdnA";
    case ParameterType::kOomScores:
      return "three integers between -2000 and 2000";
    case ParameterType::kReplicaOf:
      return "a host and a port, or no one";
    case ParameterType::kPercentiles:
      return "numbers between 0 and 100";
    case ParameterType::kClusterNodes:
      return "nodes such as a=10.0.0.1:7000@17000,priority=10,zone=east,weight=2";
    case ParameterType::kEndpoints:
      return "endpoints such as 10.0.0.1:2379";
  }
  return "";
}

std::string DefaultText(const Parameter& parameter) {
  return FormatValue(parameter, DefaultValue(parameter));
}

}  // namespace henge::server
