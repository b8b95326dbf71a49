// SPDX-License-Identifier: Apache-2.0
// Parameters with a form of their own (`save`, `bind`, client-output-buffer-limit, …): from words
// to the canonical text that CONFIG GET shows, and from that text to values. Pure functions, but
// for `dir`, which asks the file system; any thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/cluster_config.h"
#include "server/config/parameter.h"

namespace henge::server {

// `current` is the canonical text so far: client-output-buffer-limit keeps classes that are not
// named. Errors are Redis's reasons.
absl::StatusOr<std::string> CanonicalText(ParameterType type, std::span<const std::string> words,
                                          std::string_view current);

// --- Readers of canonical texts -----------------------------------------------------------------
std::vector<std::string> SplitWords(std::string_view text);

struct OutputBufferLimits {
  struct Class {
    uint64_t hard = 0;  // Bytes; 0: no limit.
    uint64_t soft = 0;
    int64_t soft_seconds = 0;
  };
  Class normal;
  Class replica;
  Class pubsub;
};
OutputBufferLimits ReadOutputBufferLimits(std::string_view canonical);

std::vector<double> ReadPercentiles(std::string_view canonical);

absl::StatusOr<std::vector<ClusterNodeConfig>> ReadClusterNodes(std::string_view canonical);

// Letters, digits, dots and hyphens, below 256 bytes.
absl::Status CheckHostname(std::string_view name);
absl::Status CheckNodename(std::string_view name);

}  // namespace henge::server
