// SPDX-License-Identifier: Apache-2.0
// Every metric there may be: redis_* by redis_exporter's names, so that its dashboards and alerts
// work unchanged, and henge_* for what Redis has no name for. Constants; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace henge::server {

enum class MetricKind : uint8_t { kGauge, kCounter, kHistogram };

struct Metric {
  std::string_view name;
  MetricKind kind;
  std::string_view unit;
  std::string_view labels;  // Names: "cmd, quantile".
  std::string_view field;   // Of INFO or CLUSTER INFO, whose value it is; or empty.
  std::string_view help;
};

std::span<const Metric> MetricCatalogue();
const Metric* FindMetric(std::string_view name);  // Null: none of that name.

// docs/reference/metrics.md.
std::string MetricsReference();

}  // namespace henge::server
