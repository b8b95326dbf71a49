// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/group_news.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace henge::server {
namespace {

using commands::GroupMember;
using commands::GroupPicture;

int64_t Ago(UnixMillis now, UnixMillis then) {
  return then == 0 ? 0 : std::max<int64_t>(0, now - then);
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

std::vector<GroupNews::Message> GroupNews::Review(const GroupPicture& group, UnixMillis now) {
  std::vector<Message> news;
  if (group.leader() == nullptr) return news;
  TellLeader(group, news);
  for (const GroupMember& member : group.members) TellMember(group, member, now, news);
  return news;
}

void GroupNews::AddAges(GroupPicture& group, UnixMillis now) {
  const std::lock_guard lock(mu_);
  for (GroupMember& member : group.members) {
    const Seen& seen = seen_[member.id];
    member.silent_for = Ago(now, seen.silent_since);
    member.failed_for = Ago(now, seen.failed_since);
    member.unsynced_for = Ago(now, seen.unsynced_since);
    member.role_for = Ago(now, seen.role_since);
  }
}

void GroupNews::TellLeader(const GroupPicture& group, std::vector<Message>& news) {
  const GroupMember& leader = *group.leader();
  const Address now{leader.host, leader.port};
  const std::optional<Address> before = std::exchange(leader_, now);
  if (!before || *before == now) return;
  news.push_back({"+switch-master", fmt::format("{} {} {} {} {}", group.name, before->host,
                                                before->port, now.host, now.port)});
  for (const GroupMember& member : group.members) {
    if (!member.leads) news.push_back({"+slave", Instance(group, member)});
  }
}

void GroupNews::TellMember(const GroupPicture& group, const GroupMember& member, UnixMillis now,
                           std::vector<Message>& news) {
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
  if (silence) news.push_back({member.silent ? "+sdown" : "-sdown", instance});
  if (!failure || !member.leads) return;
  if (!member.failed) return news.push_back({"-odown", instance});
  news.push_back({"+odown", fmt::format("{} #quorum {}/{}", instance, group.quorum, group.quorum)});
}

}  // namespace henge::server
