// SPDX-License-Identifier: Apache-2.0
// What the cluster-announce-* parameters have a node tell of itself: proposed as a change of this
// node, which its coordinator keeps telling until all know.
#pragma once

#include <string_view>

#include "cluster/api.h"

namespace henge::server {

class Node;

// Whether that parameter, by CONFIG SET's name, is among what a node tells of itself.
bool IsAnnounced(std::string_view parameter);

// `done` when it is agreed on, or not, as ClusterOperations::Propose; within the call for a node on
// its own, which has nobody to tell. Any thread.
void AnnounceNode(Node& node, cluster::ProposalDone done);

// The same at the start, where it may be that the parameters say nothing.
void AnnounceAtStart(Node& node);

}  // namespace henge::server
