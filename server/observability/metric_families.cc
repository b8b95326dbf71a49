// SPDX-License-Identifier: Apache-2.0
#include "server/observability/metric_families.h"

#include <cassert>
#include <limits>
#include <utility>

namespace henge::server {
namespace {

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
    default:
      return prometheus::MetricType::Gauge;
  }
}

}  // namespace

prometheus::ClientMetric& MetricFamilies::Member(const Metric& metric, Labels labels) {
  const auto [at, added] = by_name_.try_emplace(std::string(metric.name), families_.size());
  if (added) {
    families_.push_back(
        {std::string(metric.name), std::string(metric.help), TypeOf(metric.kind), {}});
  }
  prometheus::ClientMetric& member = families_[at->second].metric.emplace_back();
  member.label = std::move(labels);
  return member;
}

void MetricFamilies::Add(const Metric& metric, double value, Labels labels) {
  prometheus::ClientMetric& member = Member(metric, std::move(labels));
  (metric.kind == MetricKind::kCounter ? member.counter.value : member.gauge.value) = value;
}

void MetricFamilies::Add(std::string_view name, double value, Labels labels) {
  const Metric* metric = FindMetric(name);
  assert(metric != nullptr);
  if (metric != nullptr) Add(*metric, value, std::move(labels));
}

void MetricFamilies::AddHistogram(std::string_view name, const std::vector<double>& bounds,
                                  const std::vector<uint64_t>& counts, double sum, Labels labels) {
  const Metric* metric = FindMetric(name);
  assert(metric != nullptr);
  if (metric == nullptr) return;
  auto& histogram = Member(*metric, std::move(labels)).histogram;
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
