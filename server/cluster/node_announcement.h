// SPDX-License-Identifier: Apache-2.0
// What the cluster-announce-* parameters have a node tell of itself: proposed as a change of this
// node, which its coordinator keeps telling until all know.
#pragma once

#include <chrono>

#include "cluster/announcement.h"

namespace henge::server {

class Node;

// Waits until it is agreed on, but no longer than `patience`. Also for workers: nothing that is to
// be agreed on needs them. Nothing to do for a node on its own.
void AnnounceNode(Node& node, const cluster::Announcement& announcement,
                  std::chrono::milliseconds patience);

}  // namespace henge::server
