// SPDX-License-Identifier: Apache-2.0
// Who leads next: a pure choice among a group's members, from what they told last.
//
// The first of these rules that finds somebody decides; if none does, the group stays down:
//  1. In sync, heard of lately, with live data, allowed to fail over, and not the leader that
//     failed: the one of highest priority, then of highest offset, then of smallest id.
//  2. All of the in-sync set are heard of, and none is still reading its disk: whoever has most, by
//     state of the data, then the data's epoch, offset and priority. (Power failed, or a leader
//     that alone was in sync has restarted.) Nobody is missing who might have more; if none has
//     anything, there is nothing left to lose.
#pragma once

#include <functional>
#include <optional>

#include "cluster/failover/beat.h"
#include "cluster/topology.h"

namespace henge::cluster {

// What a member told lately; nullptr if it is silent or said nothing of the group.
using ReportOf = std::function<const GroupReport*(const NodeId&)>;

// `failed`: who must not be chosen by the first rule; zero: nobody.
std::optional<NodeId> ChooseLeader(const Topology& topology, const Group& group,
                                   const NodeId& failed, const ReportOf& report_of);

}  // namespace henge::cluster
