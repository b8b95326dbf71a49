// SPDX-License-Identifier: Apache-2.0
// A group as the topology and this node's links tell of it, in the picture that SENTINEL's commands
// answer from. A pure function; any thread.
#pragma once

#include <vector>

#include "base/types.h"
#include "cluster/api.h"
#include "commands/sentinel/service.h"

namespace henge::server {

// Fills in the members of `self`'s group, by id, and what the topology says of all of them.
// REQUIRES: the picture says whether this node is in touch.
void AddMembers(const cluster::Topology& topology, const cluster::NodeId& self,
                const std::vector<cluster::PeerLink>& links, UnixMillis now,
                commands::GroupPicture& group);

}  // namespace henge::server
