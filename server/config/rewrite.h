// SPDX-License-Identifier: Apache-2.0
// CONFIG REWRITE: a configuration file with the values of now, and otherwise as it was. A parameter
// that the file names keeps its line; one that differs from its default and isn't named is added at
// the end, under a line that says so. Pure functions but for ReplaceFile; any thread.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "server/config/settings.h"

namespace henge::server {

absl::StatusOr<std::string> RewriteRedisConf(std::string_view old_text, Settings& settings);

// A value in block style is replaced where it stands; others are moved to the end, by name. A file
// whose root is in flow style (`{…}`) is refused.
absl::StatusOr<std::string> RewriteYaml(std::string_view old_text, Settings& settings);

// Writes beside the file, syncs, renames: a crash leaves the old file or the new one.
absl::Status ReplaceFile(const std::string& path, std::string_view text);

}  // namespace henge::server
