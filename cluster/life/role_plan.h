// SPDX-License-Identifier: Apache-2.0
// What a topology wants of one node: a pure function; any thread.
//
// A process leads nobody and follows nobody before it has a topology that was confirmed after its
// start: in an older one it may lead a group that has had other leaders since, or follow one that
// took it for in sync with what its last process had.
#pragma once

#include <cstdint>

#include "cluster/failover/group_host.h"
#include "cluster/topology.h"

namespace henge::cluster {

struct Role {
  enum class Part : uint8_t {
    kNone,   // In no group that is known of, or in several.
    kWaits,  // In a group whose leader is nobody, or nobody that could be reached.
    kLeads,
    kFollows,
  };
  Part part = Part::kNone;
  GroupId group = {};  // From kWaits on, as the epoch.
  Epoch epoch = 0;
  GroupHost::LeaderAddress leader = {};  // If it follows.

  bool operator==(const Role&) const = default;
};

// The node's part in the one group that it is a member of, as placement by hand has it.
Role PlanRole(const Topology& topology, const NodeId& self, bool confirmed);

}  // namespace henge::cluster
