// SPDX-License-Identifier: Apache-2.0
// Which field of INFO is which metric: redis_exporter's names, so that its dashboards and alerts
// work unchanged, and a line of help each. Constants; any thread.
#pragma once

#include <span>
#include <string_view>

namespace henge::server {

struct MetricName {
  std::string_view field;   // Of INFO.
  std::string_view metric;  // After "redis_".
  std::string_view help;
};

std::span<const MetricName> GaugeNames();
std::span<const MetricName> CounterNames();

}  // namespace henge::server
