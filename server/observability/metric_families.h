// SPDX-License-Identifier: Apache-2.0
// MetricFamilies: a scrape's families as they are put together. One thread.
//
//     families.Gauge("redis_db_keys", "Keys of a database.", 12, {{"db", "db0"}});
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace henge::server {

class MetricFamilies {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  // A metric joins the family of its name; the first one's help is the family's.
  void Gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
  void Counter(std::string_view name, std::string_view help, double value, Labels labels = {});
  // `counts` by buckets with the upper bounds `bounds`; one more count for what is above all.
  void Histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                 const std::vector<uint64_t>& counts, double sum, Labels labels = {});

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  prometheus::ClientMetric& Add(std::string_view name, std::string_view help,
                                prometheus::MetricType type, Labels labels);

  std::vector<prometheus::MetricFamily> families_;
  StringMap<size_t> by_name_;
};

}  // namespace henge::server
