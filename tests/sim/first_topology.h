// SPDX-License-Identifier: Apache-2.0
// What a simulated cluster begins with: its document and the members of consensus. Pure; documents
// are made once for each shape.
#pragma once

#include "cluster/consensus/membership.h"
#include "cluster/topology.h"
#include "tests/sim/scenario.h"

namespace henge::sim {

cluster::Node NodeOf(int machine);
cluster::TopologyPtr FirstTopology(const Scenario& scenario);
// The first `voters` vote, the others learn.
consensus::Membership FirstMembers(const Scenario& scenario);

}  // namespace henge::sim
