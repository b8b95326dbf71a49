// SPDX-License-Identifier: Apache-2.0
// Texts that LATENCY GRAPH and LATENCY DOCTOR show. Pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "commands/services.h"

namespace henge::commands {

// Bars of four lines, eighty to a strip, each with its age in seconds, minutes, hours or days
// below.
std::string LatencyGraphText(const LatencySeries& series, int64_t now_seconds);

struct LatencySpread {
  int64_t average_ms = 0;
  int64_t mean_deviation_ms = 0;
  double period_seconds = 0;  // Between one sample and the next, on average up to now.
};
LatencySpread SpreadOf(const LatencySeries& series, int64_t now_seconds);

std::string LatencyDoctorText(const LatencyPicture& picture, int64_t now_seconds);

}  // namespace henge::commands
