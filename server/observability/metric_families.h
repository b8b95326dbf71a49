// SPDX-License-Identifier: Apache-2.0
// MetricFamilies: a scrape's families as they are put together. One thread.
//
//     families.Add("redis_db_keys", 12, {{"db", "db0"}});
//
// REQUIRES: the catalogue has the name.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "server/observability/metric_catalogue.h"

namespace henge::server {

class MetricFamilies {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  // A gauge or a counter. Metrics of one name are a family, placed where its first one was added.
  void Add(std::string_view name, double value, Labels labels = {});
  void Add(const Metric& metric, double value, Labels labels = {});
  // `counts` by buckets with the upper bounds `bounds`; one more count for what is above all.
  void AddHistogram(std::string_view name, const std::vector<double>& bounds,
                    const std::vector<uint64_t>& counts, double sum, Labels labels = {});

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& Member(const Metric& metric, Labels labels);

  std::vector<prometheus::MetricFamily> families_;
  StringMap<size_t> by_name_;
};

}  // namespace henge::server
