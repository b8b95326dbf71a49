// SPDX-License-Identifier: Apache-2.0
// KnownPeer: a member of consensus and the node that it is. Consensus knows members by numbers and
// carries a text with each: here "node-id host:port". The host is empty of a node that was founded
// alone and knows of no host of its own. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/consensus/membership.h"
#include "cluster/node_id.h"
#include "cluster/topology.h"

namespace henge::coordinator {
class KnownPeer;
}

namespace henge::cluster {

struct KnownPeer {
  consensus::PeerId peer = consensus::kNobody;
  NodeId node;
  std::string host = {};
  uint16_t bus_port = 0;
  bool voter = false;
  bool operator==(const KnownPeer&) const = default;
};

// Zero and empty where the text is none of ours.
KnownPeer FromMember(const consensus::Member& member);
consensus::Member ToMember(const KnownPeer& peer);
std::vector<KnownPeer> FromMembers(const consensus::Membership& members);
consensus::Membership ToMembership(const std::vector<KnownPeer>& peers);

void Write(const KnownPeer& peer, henge::coordinator::KnownPeer& out);
KnownPeer Read(const henge::coordinator::KnownPeer& in);

// What a node is in consensus if it founds a cluster with others: all of them must know.
consensus::PeerId FoundersPeer(const NodeId& node);
// What it is otherwise: another one each time.
consensus::PeerId RandomPeer();

}  // namespace henge::cluster
