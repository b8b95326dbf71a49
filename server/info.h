// SPDX-License-Identifier: Apache-2.0
// INFO's text: Redis's sections and field names over the node's counters. Reads atomics and sums
// over workers; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace henge::server {

class Node;

// `sections` in any case; empty: the default ones. "all", "everything" and "default" are known.
std::string InfoText(Node& node, const std::vector<std::string>& sections);

}  // namespace henge::server
