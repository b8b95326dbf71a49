// SPDX-License-Identifier: Apache-2.0
// From words to a parameter's value and back. Pure functions (but `dir`, which asks the file system
// whether the directory exists); any thread.
//
// Errors are Redis's own reasons, as they follow the dash in "CONFIG SET failed (…) - reason".
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/config/parameter.h"

namespace henge::server {

struct Value {
  int64_t number = 0;  // Parameters with a cell.
  std::string text;    // The others: the canonical text that CONFIG GET shows.
  bool operator==(const Value&) const = default;
};

// `current` is what a partial change starts from: client-output-buffer-limit keeps the classes that
// are not named.
absl::StatusOr<Value> ParseValue(const Parameter& parameter, std::span<const std::string> words,
                                 const Value& current);

// As CONFIG GET shows it.
std::string FormatValue(const Parameter& parameter, const Value& value);
// As CONFIG REWRITE writes sizes: 1gb, 100mb, 12kb, 1000.
std::string FormatSize(int64_t bytes);

Value LoadValue(const Parameter& parameter, Settings& settings);
void StoreValue(const Parameter& parameter, const Value& value, Settings& settings);
Value DefaultValue(const Parameter& parameter);

}  // namespace henge::server
