// SPDX-License-Identifier: Apache-2.0
#include "server/observability/metric_families.h"

#include <limits>
#include <utility>

namespace henge::server {

prometheus::ClientMetric& MetricFamilies::Add(std::string_view name, std::string_view help,
                                              prometheus::MetricType type, Labels labels) {
  const auto [at, added] = by_name_.try_emplace(std::string(name), families_.size());
  if (added) families_.push_back({std::string(name), std::string(help), type, {}});
  prometheus::ClientMetric& metric = families_[at->second].metric.emplace_back();
  metric.label = std::move(labels);
  return metric;
}

void MetricFamilies::Gauge(std::string_view name, std::string_view help, double value,
                           Labels labels) {
  Add(name, help, prometheus::MetricType::Gauge, std::move(labels)).gauge.value = value;
}

void MetricFamilies::Counter(std::string_view name, std::string_view help, double value,
                             Labels labels) {
  Add(name, help, prometheus::MetricType::Counter, std::move(labels)).counter.value = value;
}

void MetricFamilies::Histogram(std::string_view name, std::string_view help,
                               const std::vector<double>& bounds,
                               const std::vector<uint64_t>& counts, double sum, Labels labels) {
  auto& histogram = Add(name, help, prometheus::MetricType::Histogram, std::move(labels)).histogram;
  uint64_t below = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    below += counts[i];
    const bool bounded = i < bounds.size();
    histogram.bucket.push_back(
        {below, bounded ? bounds[i] : std::numeric_limits<double>::infinity()});
  }
  histogram.sample_count = below;
  histogram.sample_sum = sum;
}

}  // namespace henge::server
