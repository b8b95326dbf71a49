// SPDX-License-Identifier: Apache-2.0
#include "server/observability/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "base/strings.h"
#include "server/observability/metric_families.h"
#include "server/observability/metric_names.h"

namespace henge::server {
namespace {

using testing::HasSubstr;

std::string Text(MetricFamilies& families) {
  return prometheus::TextSerializer().Serialize(families.Take());
}

TEST(MetricFamilies, GathersMetricsOfOneNameIntoAFamily) {
  MetricFamilies families;
  families.Gauge("keys", "Keys.", 1, {{"db", "db0"}});
  families.Counter("calls_total", "Calls.", 7);
  families.Gauge("keys", "Keys.", 2, {{"db", "db1"}});
  EXPECT_EQ(Text(families),
            "# HELP keys Keys.\n# TYPE keys gauge\nkeys{db=\"db0\"} 1\nkeys{db=\"db1\"} 2\n"
            "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 7\n");
}

TEST(MetricFamilies, HistogramsAreCumulativeAndEndWithInfinity) {
  MetricFamilies families;
  families.Histogram("lag", "Lag.", {1, 2}, {3, 0, 4}, 12.5);
  const std::string text = Text(families);
  EXPECT_THAT(text, HasSubstr("lag_count 7\nlag_sum 12.5\n"));
  EXPECT_THAT(text, HasSubstr("lag_bucket{le=\"1\"} 3\nlag_bucket{le=\"2\"} 3\n"
                              "lag_bucket{le=\"+Inf\"} 7\n"));
}

TEST(MetricNames, AreSoundAndGivenOnce) {
  StringSet metrics;
  StringSet fields;
  for (const auto& names : {GaugeNames(), CounterNames()}) {
    for (const MetricName& name : names) {
      EXPECT_TRUE(prometheus::CheckMetricName(std::string(name.metric))) << name.metric;
      EXPECT_TRUE(metrics.emplace(name.metric).second) << name.metric;
      EXPECT_TRUE(fields.emplace(name.field).second) << name.field;
      EXPECT_TRUE(name.help.ends_with('.')) << name.metric;
    }
  }
}

}  // namespace
}  // namespace henge::server
