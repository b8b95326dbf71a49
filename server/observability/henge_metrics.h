// SPDX-License-Identifier: Apache-2.0
// The henge_* metrics: what Redis has no name for. Any thread.
#pragma once

namespace henge::server {

class MetricFamilies;
class Node;

void CollectHengeMetrics(Node& node, MetricFamilies& out);

}  // namespace henge::server
