// SPDX-License-Identifier: Apache-2.0
// What `henge-server --check-aof` does: says whether an AOF, of one file or of many, is sound, and
// cuts its bad end if asked to. It takes redis-check-aof's arguments and prints its lines. What it
// cuts it keeps beside the file.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

#include "persistence/file.h"

namespace henge::persistence {

// The length of the RDB at the beginning of a file, or what is wrong with it.
using RdbChecker = std::function<absl::StatusOr<uint64_t>(std::string_view content)>;

struct AofCheckOptions {
  FileSystem& files;
  RdbChecker check_rdb;
  std::istream& answers;  // To "Continue? [y/N]".
  std::ostream& out;
};

// `args`: [--fix | --truncate-to-timestamp SECONDS] FILE. The exit code.
int CheckAof(std::span<const std::string> args, const AofCheckOptions& options);

}  // namespace henge::persistence
