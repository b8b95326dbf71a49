// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/group_watch.h"

#include "base/clock.h"
#include "server/cluster/group_failover.h"
#include "server/cluster/group_picture.h"
#include "server/node.h"

namespace henge::server {

using commands::GroupPicture;

GroupPicture GroupWatch::Collect() const {
  ClusterMember& member = *node_.member();
  GroupPicture group;
  group.name = node_.options().cluster.name;
  group.in_touch = member.InTouch();
  group.down_after = node_.parameters().cluster_node_timeout.load();
  group.failover_timeout = GroupFailover::kTimeoutMs;
  const cluster::ClusterView& view = member.view();
  AddMembers(*view.topology(), view.my_id(), view.Links(), SystemClock().NowMillis(), group);
  for (commands::GroupMember& one : group.members) {
    if (one.self) one.offset = static_cast<uint64_t>(node_.replication().offset());
  }
  return group;
}

GroupPicture GroupWatch::Look() {
  GroupPicture group = Collect();
  news_.AddAges(group, SystemClock().NowMillis());
  return group;
}

std::string GroupWatch::FailOver() { return node_.group_failover().BeginAnywhere(); }

void GroupWatch::Review() {
  for (const auto& [channel, text] : news_.Review(Collect(), SystemClock().NowMillis())) {
    node_.exchange().Publish(0, pubsub::Kind::kChannel, channel, text);
  }
}

}  // namespace henge::server
