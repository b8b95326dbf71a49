// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/known_peer.h"

#include <absl/strings/str_cat.h>

#include "base/numbers.h"
#include "base/random.h"
#include "base/sha1.h"
#include "base/strings.h"
#include "henge/coordinator.pb.h"

namespace henge::cluster {

KnownPeer FromMember(const consensus::Member& member) {
  KnownPeer peer{.peer = member.id, .voter = member.voter};
  const std::string_view text = member.address;
  const size_t space = text.find(' ');
  const size_t colon = text.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space)
    return peer;
  peer.node = NodeId::Parse(text.substr(0, space)).value_or(NodeId());
  peer.host = std::string(text.substr(space + 1, colon - space - 1));
  const uint64_t port = ParseUint64(text.substr(colon + 1)).value_or(0);
  if (port <= UINT16_MAX) peer.bus_port = static_cast<uint16_t>(port);
  return peer;
}

consensus::Member ToMember(const KnownPeer& peer) {
  return {
      .id = peer.peer,
      .voter = peer.voter,
      .address = absl::StrCat(Absl(peer.node.view()), " ", Absl(peer.host), ":", peer.bus_port)};
}

std::vector<KnownPeer> FromMembers(const consensus::Membership& members) {
  std::vector<KnownPeer> peers;
  for (const consensus::Member& member : members.members()) peers.push_back(FromMember(member));
  return peers;
}

consensus::Membership ToMembership(const std::vector<KnownPeer>& peers) {
  std::vector<consensus::Member> members;
  for (const KnownPeer& peer : peers) members.push_back(ToMember(peer));
  return consensus::Membership(std::move(members));
}

void Write(const KnownPeer& peer, henge::coordinator::KnownPeer& out) {
  const consensus::Member member = ToMember(peer);
  out.set_peer(member.id);
  out.set_address(member.address);
  out.set_voter(member.voter);
}

KnownPeer Read(const henge::coordinator::KnownPeer& in) {
  return FromMember({.id = in.peer(), .voter = in.voter(), .address = in.address()});
}

consensus::PeerId FoundersPeer(const NodeId& node) {
  const std::string digest = Sha1Hex(node.view());
  uint64_t number = 0;
  for (size_t i = 0; i < 16; ++i) {
    const char c = digest[i];
    number = number << 4 | static_cast<uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return number == consensus::kNobody ? 1 : number;
}

consensus::PeerId RandomPeer() {
  uint64_t number = consensus::kNobody;
  while (number == consensus::kNobody) number = EntropySeed();
  return number;
}

}  // namespace henge::cluster
