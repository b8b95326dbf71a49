// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/group_picture.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace henge::server {
namespace {

using cluster::Group;
using cluster::PeerLink;
using commands::GroupMember;
using commands::GroupPicture;

constexpr int64_t kOrdinaryPriority = 100;  // Redis's default.

// Here whoever has the highest is promoted first, in Redis the lowest above zero.
int64_t RedisPriority(const cluster::Node& node) {
  if (node.no_failover) return 0;
  return std::clamp<int64_t>(kOrdinaryPriority - node.priority, 1,
                             std::numeric_limits<int32_t>::max());
}

const Group* GroupOf(const cluster::Topology& topology, const cluster::NodeId& node) {
  for (const Group& group : topology.groups()) {
    if (group.IsMember(node)) return &group;
  }
  return nullptr;
}

int64_t Ago(UnixMillis now, UnixMillis then) {
  return then == 0 ? 0 : std::max<int64_t>(0, now - then);
}

void Learn(const PeerLink& link, UnixMillis now, GroupMember& member) {
  member.connected = link.connected;
  member.silent = link.failed;
  member.pinged_ago = Ago(now, link.ping_sent);
  member.heard_ago = Ago(now, link.pong_received == 0 ? link.since : link.pong_received);
  member.offset = link.offset;
}

}  // namespace

void AddMembers(const cluster::Topology& topology, const cluster::NodeId& self,
                const std::vector<PeerLink>& links, UnixMillis now, GroupPicture& group) {
  const Group* ours = GroupOf(topology, self);
  if (ours == nullptr) return;
  group.epoch = ours->epoch;
  group.quorum = topology.voters().size() / 2 + 1;
  group.term = topology.office().term;
  if (!topology.office().judge.IsZero()) group.judge = topology.office().judge.str();
  for (const cluster::Node& node : topology.nodes()) {
    if (!ours->IsMember(node.id)) continue;
    GroupMember member{.id = node.id.str(), .host = node.host, .port = node.port};
    member.self = node.id == self;
    member.leads = node.id == ours->leader;
    member.votes = std::binary_search(topology.voters().begin(), topology.voters().end(), node.id);
    member.failed = node.failed;
    member.in_sync = ours->IsInSync(node.id);
    member.priority = RedisPriority(node);
    for (const PeerLink& link : links) {
      if (link.id == node.id) Learn(link, now, member);
    }
    if (member.leads && !group.in_touch) member.silent = true;
    group.members.push_back(std::move(member));
  }
}

}  // namespace henge::server
