// SPDX-License-Identifier: Apache-2.0
// Checking a whole file: each value is read as if it were loaded, then dropped. What --check-rdb
// prints. Pure; any thread.
#pragma once

#include <absl/status/status.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "persistence/rdb/rdb_format.h"

namespace henge::persistence {

struct RdbSummary {
  static constexpr size_t kMostSkipped = 20;

  int version = 0;
  uint64_t bytes = 0;     // Gone through: up to the damage, or the end.
  uint64_t trailing = 0;  // Behind the end.
  uint64_t keys = 0;
  uint64_t keys_with_expiry = 0;
  uint64_t empty_keys = 0;  // Collections without elements, which loading leaves out.
  uint64_t functions = 0;
  uint64_t skipped = 0;
  std::vector<std::pair<std::string, std::string>> aux;
  std::vector<std::string> skips;  // The first kMostSkipped of what loading leaves out.
  std::array<uint64_t, kRdbForms> types{};
};

// What is wrong with the file, with the offset; `summary` tells what came before. Memory of `file`
// that has been gone through is not looked at again.
absl::Status CheckRdb(std::string_view file, RdbSummary& summary);

// Some lines for people.
std::string Print(const RdbSummary& summary);

}  // namespace henge::persistence
