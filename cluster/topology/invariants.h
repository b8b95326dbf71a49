// SPDX-License-Identifier: Apache-2.0
// What always holds of a topology (topology.h lists it), as code. Pure; any thread.
#pragma once

#include <absl/status/status.h>

#include "cluster/topology.h"

namespace henge::cluster {

// Of one document. Nodes, groups, marks and migrations stand sorted, as do members within a group.
// Takes time in proportion to the document.
absl::Status CheckParts(const TopologyParts& parts);

// Of a document and the one that Apply made of it.
absl::Status CheckStep(const Topology& before, const Topology& after);

// Both nodes with a host, at one address.
absl::Status CheckAddresses(const std::vector<Node>& nodes);

}  // namespace henge::cluster
