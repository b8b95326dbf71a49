// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/group_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "server/cluster/group_failover.h"
#include "server/node.h"

namespace henge::server {
namespace {

using cluster::Group;
using cluster::PeerLink;
using cluster::TopologyPtr;
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

// As Sentinel names an instance in its events.
std::string Instance(const GroupPicture& group, const GroupMember& member) {
  const GroupMember& leader = *group.leader();
  if (member.leads) return fmt::format("master {} {} {}", group.name, leader.host, leader.port);
  return fmt::format("slave {}:{} {} {} @ {} {} {}", member.host, member.port, member.host,
                     member.port, group.name, leader.host, leader.port);
}

// Keeps since when it is so; whether that has changed.
bool Turn(UnixMillis& since, bool is_so, UnixMillis now) {
  if (is_so == (since != 0)) return false;
  since = is_so ? now : 0;
  return true;
}

}  // namespace

// --- What is so now ------------------------------------------------------------------------------

GroupPicture GroupWatch::Collect() const {
  ClusterMember& member = *node_.member();
  GroupPicture group;
  group.name = node_.options().cluster.name;
  group.in_touch = member.InTouch();
  group.down_after = node_.parameters().cluster_node_timeout.load();
  group.failover_timeout = GroupFailover::kTimeoutMs;
  AddMembers(group);
  return group;
}

void GroupWatch::AddMembers(GroupPicture& group) const {
  const cluster::ClusterView& view = node_.member()->view();
  const TopologyPtr topology = view.topology();
  const Group* ours = GroupOf(*topology, view.my_id());
  if (ours == nullptr) return;
  const std::vector<PeerLink> links = view.Links();
  const UnixMillis now = SystemClock().NowMillis();
  group.epoch = ours->epoch;
  group.quorum = topology->voters().size() / 2 + 1;
  group.term = topology->office().term;
  if (!topology->office().judge.IsZero()) group.judge = topology->office().judge.str();
  for (const cluster::Node& node : topology->nodes()) {
    if (!ours->IsMember(node.id)) continue;
    GroupMember member{.id = node.id.str(), .host = node.host, .port = node.port};
    member.self = node.id == view.my_id();
    member.leads = node.id == ours->leader;
    member.votes =
        std::binary_search(topology->voters().begin(), topology->voters().end(), node.id);
    member.failed = node.failed;
    member.in_sync = ours->IsInSync(node.id);
    member.priority = RedisPriority(node);
    if (member.self) member.offset = static_cast<uint64_t>(node_.replication().offset());
    for (const PeerLink& link : links) {
      if (link.id == node.id) Learn(link, now, member);
    }
    if (member.leads && !group.in_touch) member.silent = true;
    group.members.push_back(std::move(member));
  }
}

GroupPicture GroupWatch::Look() {
  GroupPicture group = Collect();
  const UnixMillis now = SystemClock().NowMillis();
  const std::lock_guard lock(mu_);
  for (GroupMember& member : group.members) {
    const Seen& seen = seen_[member.id];
    member.silent_for = Ago(now, seen.silent_since);
    member.failed_for = Ago(now, seen.failed_since);
    member.unsynced_for = Ago(now, seen.unsynced_since);
    member.role_for = Ago(now, seen.role_since);
  }
  return group;
}

std::string GroupWatch::FailOver() { return node_.group_failover().BeginAnywhere(); }

// --- What has changed ----------------------------------------------------------------------------

void GroupWatch::Review() {
  const GroupPicture group = Collect();
  if (group.leader() == nullptr) return;
  TellLeader(group);
  const UnixMillis now = SystemClock().NowMillis();
  for (const GroupMember& member : group.members) TellMember(group, member, now);
}

void GroupWatch::TellLeader(const GroupPicture& group) {
  const GroupMember& leader = *group.leader();
  const Address now{leader.host, leader.port};
  const std::optional<Address> before = std::exchange(leader_, now);
  if (!before || *before == now) return;
  Publish("+switch-master", fmt::format("{} {} {} {} {}", group.name, before->host, before->port,
                                        now.host, now.port));
  for (const GroupMember& member : group.members) {
    if (!member.leads) Publish("+slave", Instance(group, member));
  }
}

void GroupWatch::TellMember(const GroupPicture& group, const GroupMember& member, UnixMillis now) {
  bool silence = false;
  bool failure = false;
  {
    const std::lock_guard lock(mu_);
    Seen& seen = seen_[member.id];
    if (seen.role_since == 0 || seen.leads != member.leads) seen.role_since = now;
    seen.leads = member.leads;
    silence = Turn(seen.silent_since, member.silent, now);
    failure = Turn(seen.failed_since, member.failed, now);
    Turn(seen.unsynced_since, !member.in_sync, now);
  }
  const std::string instance = Instance(group, member);
  if (silence) Publish(member.silent ? "+sdown" : "-sdown", instance);
  if (!failure || !member.leads) return;
  member.failed
      ? Publish("+odown", fmt::format("{} #quorum {}/{}", instance, group.quorum, group.quorum))
      : Publish("-odown", instance);
}

void GroupWatch::Publish(std::string_view channel, std::string_view message) {
  node_.exchange().Publish(0, pubsub::Kind::kChannel, channel, message);
}

}  // namespace henge::server
