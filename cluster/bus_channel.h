// SPDX-License-Identifier: Apache-2.0
// How this node connects to a peer's bus port. Any thread.
#pragma once

#include <memory>

#include "cluster/heartbeat.h"

namespace grpc {
class Channel;
}

namespace henge::cluster {

// On both ends of a connection that carries a stream: silence for so long, and then for so long
// again after being asked, ends it.
inline constexpr int kBusKeepaliveMillis = 5000;

// Connects when it is first used, and again by itself. Messages from the peer above that size end
// their call; -1: any size, as for what a client may publish.
std::shared_ptr<grpc::Channel> ConnectToBus(const PeerAddress& peer, int max_message_bytes = -1);

}  // namespace henge::cluster
