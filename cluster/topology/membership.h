// SPDX-License-Identifier: Apache-2.0
// Small steps on a topology's parts while a change is made of them: what indexes what is kept.
#pragma once

#include <vector>

#include "cluster/topology.h"

namespace henge::cluster {

void InsertSorted(std::vector<NodeId>& ids, const NodeId& id);  // Unless it is there.
bool EraseSorted(std::vector<NodeId>& ids, const NodeId& id);   // Whether it was.

// The group's slots become nobody's, its marks and migrations end; groups behind it move up.
void EraseGroup(TopologyParts& parts, GroupIndex group);

}  // namespace henge::cluster
