// SPDX-License-Identifier: Apache-2.0
// What clients are told to connect to (cluster-preferred-endpoint-type). Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "cluster/topology.h"

namespace henge::cluster {

// kUnknown: whatever address the client used already.
enum class EndpointType : uint8_t { kIp, kHostname, kUnknown };

// What was announced, or a host that clients must resolve; empty if there is neither. It lives as
// long as the node.
std::string_view HostnameOf(const Node& node);

// As redirections and CLUSTER SHARDS have it: "?" for a host name that nobody announced, empty for
// kUnknown.
std::string_view EndpointOf(const Node& node, EndpointType type);

}  // namespace henge::cluster
