// SPDX-License-Identifier: Apache-2.0
#include "server/observability/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "base/strings.h"
#include "server/observability/metric_catalogue.h"
#include "server/observability/metric_families.h"

namespace henge::server {
namespace {

using testing::HasSubstr;

std::string Text(MetricFamilies& families) {
  return prometheus::TextSerializer().Serialize(families.Take());
}

TEST(MetricFamilies, GathersMetricsOfOneNameIntoAFamily) {
  MetricFamilies families;
  families.Add("redis_db_keys", 1, {{"db", "db0"}});
  families.Add("redis_errors_total", 7, {{"err", "ERR"}});
  families.Add("redis_db_keys", 2, {{"db", "db1"}});
  EXPECT_EQ(Text(families),
            "# HELP redis_db_keys Keys.\n# TYPE redis_db_keys gauge\n"
            "redis_db_keys{db=\"db0\"} 1\nredis_db_keys{db=\"db1\"} 2\n"
            "# HELP redis_errors_total Errors answered, by their first word.\n"
            "# TYPE redis_errors_total counter\nredis_errors_total{err=\"ERR\"} 7\n");
}

TEST(MetricFamilies, HistogramsAreCumulativeAndEndWithInfinity) {
  MetricFamilies families;
  families.AddHistogram("henge_expiry_lag_seconds", {1, 2}, {3, 0, 4}, 12.5);
  const std::string text = Text(families);
  EXPECT_THAT(text, HasSubstr("henge_expiry_lag_seconds_count 7\n"
                              "henge_expiry_lag_seconds_sum 12.5\n"));
  EXPECT_THAT(text, HasSubstr("henge_expiry_lag_seconds_bucket{le=\"1\"} 3\n"
                              "henge_expiry_lag_seconds_bucket{le=\"2\"} 3\n"
                              "henge_expiry_lag_seconds_bucket{le=\"+Inf\"} 7\n"));
}

TEST(MetricCatalogue, HasSoundNamesEachOnce) {
  StringSet names;
  StringSet fields;
  for (const Metric& metric : MetricCatalogue()) {
    EXPECT_TRUE(prometheus::CheckMetricName(std::string(metric.name))) << metric.name;
    EXPECT_TRUE(names.emplace(metric.name).second) << metric.name;
    EXPECT_TRUE(metric.field.empty() || fields.emplace(metric.field).second) << metric.field;
    EXPECT_TRUE(metric.help.ends_with('.')) << metric.name;
    EXPECT_EQ(FindMetric(metric.name), &metric);
  }
  EXPECT_EQ(FindMetric("redis_nothing"), nullptr);
}

}  // namespace
}  // namespace henge::server
