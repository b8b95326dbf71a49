// SPDX-License-Identifier: Apache-2.0
// Clients that wait for keys (BLPOP and its kin) of slots that this node serves no longer: they are
// sent to whoever does, as nothing will come for them here. Any thread.
#pragma once

#include "cluster/cluster_state.h"

namespace henge::server {

class Node;

// Ends their waits by MOVED or CLUSTERDOWN. Who waits for a key of a slot that this node serves
// after all goes on waiting.
void RedirectWaiters(Node& node, const cluster::SlotSet& slots);

}  // namespace henge::server
