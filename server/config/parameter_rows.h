// SPDX-License-Identifier: Apache-2.0
// How rows are written, and the tables of each section. For the files rows_*.cc and parameter.cc
// only. Constants; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>

#include "server/config/parameter.h"

namespace henge::server::rows {

inline constexpr int64_t kIntMin = std::numeric_limits<int32_t>::min();
inline constexpr int64_t kIntMax = std::numeric_limits<int32_t>::max();
inline constexpr int64_t kUintMax = std::numeric_limits<uint32_t>::max();
inline constexpr int64_t kLongMax = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kMb = 1024 * 1024;

using CellOf = Cell& (*)(Settings&);
using TextOf = Text& (*)(Settings&);

template <auto Field>
struct Member;
template <class T, T Settings::* Field>
struct Member<Field> {
  using Kind = std::conditional_t<std::is_same_v<T, Text>, Text, Cell>;
  static constexpr Kind& Of(Settings& settings) { return settings.*Field; }
};
// At<&Settings::port>: how to reach a field.
template <auto Field>
inline constexpr auto At = &Member<Field>::Of;

struct Range {
  int64_t min;
  int64_t max;
  int64_t default_number;
};

constexpr Parameter Bool(std::string_view name, std::string_view yaml, CellOf cell, bool value,
                         uint32_t flags, std::string_view summary) {
  return {.name = name,
          .yaml = yaml,
          .type = ParameterType::kBool,
          .flags = flags,
          .max = 1,
          .default_number = value ? 1 : 0,
          .summary = summary,
          .cell = cell};
}

constexpr Parameter Numeric(ParameterType type, std::string_view name, std::string_view yaml,
                            CellOf cell, Range range, uint32_t flags, std::string_view summary) {
  return {.name = name,
          .yaml = yaml,
          .type = type,
          .flags = flags,
          .min = range.min,
          .max = range.max,
          .default_number = range.default_number,
          .summary = summary,
          .cell = cell};
}

constexpr Parameter Int(std::string_view name, std::string_view yaml, CellOf cell, Range range,
                        uint32_t flags, std::string_view summary) {
  return Numeric(ParameterType::kInt, name, yaml, cell, range, flags, summary);
}
constexpr Parameter Octal(std::string_view name, std::string_view yaml, CellOf cell, Range range,
                          uint32_t flags, std::string_view summary) {
  return Numeric(ParameterType::kOctal, name, yaml, cell, range, flags, summary);
}
constexpr Parameter Size(std::string_view name, std::string_view yaml, CellOf cell, Range range,
                         uint32_t flags, std::string_view summary) {
  return Numeric(ParameterType::kSize, name, yaml, cell, range, flags, summary);
}
constexpr Parameter SizeOrPercent(std::string_view name, std::string_view yaml, CellOf cell,
                                  Range range, uint32_t flags, std::string_view summary) {
  return Numeric(ParameterType::kSizeOrPercent, name, yaml, cell, range, flags, summary);
}

// The value of a name that the choices must hold; evaluated by the compiler, which refuses others.
consteval int64_t ValueOf(std::span<const ChoiceName> choices, std::string_view name) {
  size_t i = 0;
  while (choices[i].name != name) ++i;
  return choices[i].value;
}

consteval Parameter Chosen(ParameterType type, std::string_view name, std::string_view yaml,
                           CellOf cell, std::span<const ChoiceName> choices, std::string_view value,
                           uint32_t flags, std::string_view summary) {
  return {.name = name,
          .yaml = yaml,
          .type = type,
          .flags = flags,
          .default_number = ValueOf(choices, value),
          .choices = choices,
          .summary = summary,
          .cell = cell};
}
consteval Parameter OneOf(std::string_view name, std::string_view yaml, CellOf cell,
                          std::span<const ChoiceName> choices, std::string_view value,
                          uint32_t flags, std::string_view summary) {
  return Chosen(ParameterType::kOneOf, name, yaml, cell, choices, value, flags, summary);
}
consteval Parameter AnyOf(std::string_view name, std::string_view yaml, CellOf cell,
                          std::span<const ChoiceName> choices, std::string_view value,
                          uint32_t flags, std::string_view summary) {
  return Chosen(ParameterType::kAnyOf, name, yaml, cell, choices, value, flags, summary);
}

constexpr Parameter Special(std::string_view name, std::string_view yaml, TextOf text,
                            ParameterType type, std::string_view value, uint32_t flags,
                            std::string_view summary) {
  return {.name = name,
          .yaml = yaml,
          .type = type,
          .flags = flags,
          .default_text = value,
          .summary = summary,
          .text = text};
}
constexpr Parameter String(std::string_view name, std::string_view yaml, TextOf text,
                           std::string_view value, uint32_t flags, std::string_view summary) {
  return Special(name, yaml, text, ParameterType::kString, value, flags, summary);
}

std::span<const Parameter> Server();
std::span<const Parameter> Memory();
std::span<const Parameter> Persistence();
std::span<const Parameter> Replication();
std::span<const Parameter> Cluster();
std::span<const Parameter> Observability();

}  // namespace henge::server::rows
