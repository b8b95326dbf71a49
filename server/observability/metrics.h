// SPDX-License-Identifier: Apache-2.0
// NodeMetrics: what Prometheus is told of a node, computed at each scrape from the numbers that
// INFO shows. redis_* by redis_exporter's names, henge_* our own. Any thread; a scrape costs about
// as much as INFO EVERYTHING.
#pragma once

#include <prometheus/collectable.h>

#include <string>
#include <vector>

namespace henge::server {

class Node;

class NodeMetrics final : public prometheus::Collectable {
 public:
  explicit NodeMetrics(Node& node) : node_(node) {}
  std::vector<prometheus::MetricFamily> Collect() const override;
  std::string Text() const;  // In Prometheus's text format.

 private:
  Node& node_;
};

}  // namespace henge::server
