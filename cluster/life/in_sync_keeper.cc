// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/in_sync_keeper.h"

#include <algorithm>

namespace henge::cluster {
namespace {

constexpr int64_t kPauseMicros = 200'000;  // Between proposals.

}  // namespace

std::optional<SetInSync> InSyncKeeper::Review(const Group& group,
                                              std::span<const GroupHost::Follower> followers,
                                              int64_t now) {
  std::vector<NodeId> members{group.leader};
  std::set<NodeId> joining;
  for (const NodeId& id : group.followers) {
    const auto at = std::find_if(followers.begin(), followers.end(),
                                 [&](const auto& f) { return f.node == id; });
    const bool fit = at != followers.end() && at->fit;
    const bool in_sync = group.IsInSync(id);
    if (fit || !in_sync) unfit_since_.erase(id);
    const bool stays = in_sync && !group.IsDeposed(id) && !fit &&
                       now - unfit_since_.try_emplace(id, now).first->second < patience_;
    if (fit && !in_sync) joining.insert(id);
    if (fit || stays) members.push_back(id);
  }
  std::sort(members.begin(), members.end());
  const bool same = members == group.in_sync && group.deposed.empty();
  if (same || proposed_ || now < next_) return std::nullopt;
  proposed_ = true;
  next_ = now + kPauseMicros;
  joining_ = std::move(joining);
  return SetInSync{.group = group.id,
                   .members = std::move(members),
                   .expected_epoch = group.epoch,
                   .expected_revision = group.revision};
}

void InSyncKeeper::Settled() {
  proposed_ = false;
  joining_.clear();
}

std::vector<NodeId> InSyncKeeper::Counted(const Group& group) const {
  std::vector<NodeId> counted(joining_.begin(), joining_.end());
  for (const NodeId& id : group.in_sync) {
    if (id != group.leader && !joining_.contains(id)) counted.push_back(id);
  }
  std::sort(counted.begin(), counted.end());
  return counted;
}

}  // namespace henge::cluster
