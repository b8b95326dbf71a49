// SPDX-License-Identifier: Apache-2.0
// One row per parameter: everything the server knows of it. From rows come CONFIG GET, SET and
// REWRITE, the loaders of redis.conf, YAML and flags, --help and docs/reference/config.md.
//
// Rows are constants; any thread. A name, alias or YAML path stands in one row only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/config/choices.h"
#include "server/config/settings.h"

namespace henge::server {

enum class ParameterType : uint8_t {
  kBool,
  kInt,
  kOctal,
  kSize,           // Bytes, with or without a unit.
  kSizeOrPercent,  // Percentages are kept as negative numbers.
  kOneOf,
  kAnyOf,  // Bits.
  kString,
  // With a form of their own:
  kBind,
  kDirectory,
  kSavePoints,
  kOutputBufferLimit,
  kKeyspaceEvents,
  kOomScores,
  kReplicaOf,
  kPercentiles,
  kClusterNodes,
  kEndpoints,
};

enum ParameterFlag : uint32_t {
  kImmutable = 1u << 0,      // Set at the start only.
  kProtected = 1u << 1,      // Set only where enable-protected-configs permits.
  kSensitive = 1u << 2,      // Kept out of logs.
  kMultiArg = 1u << 3,       // Takes several words.
  kHidden = 1u << 4,         // Not matched by patterns, only by its full name.
  kDenyLoading = 1u << 5,    // Not set while data is loaded.
  kVolatile = 1u << 6,       // Applied anew when set to the value it has: a file may have changed.
  kEmptyIsAbsent = 1u << 7,  // An empty text means the parameter is not set.
  kNotYet = 1u << 8,         // Accepted, but what it steers does not exist yet.
  kCompatOnly = 1u << 9,     // Accepted for compatibility; Henge has nothing for it to steer.
  kOnlyDefault = 1u << 10,   // Another value is refused: what it promises does not exist yet.
  kOwn = 1u << 11,           // Not Redis's, or not by this name: CONFIG SET may repeat its value
                             // even if immutable, as tools do that set what they got.
};

struct Parameter {
  std::string_view name;
  std::string_view yaml;  // Path from the root of a YAML file, with dots.
  ParameterType type = ParameterType::kString;
  uint32_t flags = 0;
  int64_t min = 0;
  int64_t max = 0;
  int64_t default_number = 0;          // Types with a cell.
  std::string_view default_text = {};  // The others.
  std::span<const ChoiceName> choices = {};
  std::string_view summary = {};
  std::array<std::string_view, 2> aliases = {};
  Cell& (*cell)(Settings&) = nullptr;  // Exactly one of the two is set.
  Text& (*text)(Settings&) = nullptr;

  bool Has(ParameterFlag flag) const { return (flags & flag) != 0; }
  constexpr Parameter Alias(std::string_view alias) const {
    Parameter copy = *this;
    copy.aliases[copy.aliases[0].empty() ? 0 : 1] = alias;
    return copy;
  }
};

// Stands for a default that depends on the machine: as many threads as there are cores.
inline constexpr int64_t kOnePerCore = INT64_MIN;

// All rows, section by section. Defaults are resolved for this machine.
std::span<const Parameter> AllParameters();

// By name or alias, in any case; nullptr if there is none.
const Parameter* FindParameter(std::string_view name);
// By path, exactly as written; nullptr if there is none.
const Parameter* FindParameterByYamlPath(std::string_view path);
// Whether some parameter's path continues this one.
bool IsYamlSection(std::string_view path);

// What a value must be, in words: "an integer between 0 and 65535".
std::string Expectation(const Parameter& parameter);
// The default as CONFIG GET would show it.
std::string DefaultText(const Parameter& parameter);

}  // namespace henge::server
