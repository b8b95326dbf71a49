// SPDX-License-Identifier: Apache-2.0
// A follower that CLUSTER RESET made a cluster of its own keeps nothing of its group's data.
#pragma once

#include <functional>

namespace henge::server {

class Node;

// FLUSHALL, if the node leads a group; false: it does not yet, or the wait for a worker was given
// up. Any thread but a worker's.
bool EmptyByItself(Node& node, const std::function<bool()>& given_up);

}  // namespace henge::server
