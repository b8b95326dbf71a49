// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/testing/fake_group.h"

namespace henge::cluster {

std::shared_ptr<FakeGroup::Host> FakeGroup::Begin(const NodeId& node, DataState data) {
  const std::lock_guard lock(mutex_);
  Copy& copy = copies_[node];
  std::vector<uint64_t> log = std::move(copy.log);
  if (data == DataState::kNothing) log.clear();
  copy = Copy{.data = data, .log = std::move(log)};
  return std::make_shared<Host>(*this, node);
}

void FakeGroup::End(const NodeId& node) {
  const std::lock_guard lock(mutex_);
  copies_.at(node).runs = false;
}

void FakeGroup::CutOff(const NodeId& node, bool cut) {
  const std::lock_guard lock(mutex_);
  copies_.at(node).cut = cut;
}

void FakeGroup::Take(Copy& copy, Part part, const GroupId& group, Epoch epoch,
                     const NodeId& leader) {
  if (copy.lease != INT64_MIN) Fail("told of another part while there is a lease");
  if (epoch < copy.epochs[group]) Fail("told of an epoch below the last");
  copy.epochs[group] = epoch;
  copy.part = part;
  copy.group = group;
  copy.epoch = epoch;
  copy.leader = leader;
  copy.counts = false;
  copy.counted.clear();
  copy.stopped = false;
}

// Whether the follower has all of the leader's log now.
bool FakeGroup::Copies(const NodeId& from, const NodeId& to) {
  const Copy& leader = copies_.at(from);
  const auto at = copies_.find(to);
  if (at == copies_.end() || from == to) return false;
  Copy& follower = at->second;
  const bool reached = follower.runs && !follower.cut && leader.runs && !leader.cut;
  const bool follows = follower.part == Part::kFollows && follower.leader == from &&
                       follower.group == leader.group && follower.epoch == leader.epoch;
  if (!reached || !follows || leader.data != DataState::kLive) return false;
  follower.log = leader.log;
  follower.data = DataState::kLive;
  return true;
}

void FakeGroup::CheckKept(const Copy& leader) {
  const std::set<uint64_t> has(leader.log.begin(), leader.log.end());
  const std::set<uint64_t>& kept = kept_[leader.group];
  if (!std::includes(has.begin(), has.end(), kept.begin(), kept.end())) {
    Fail("a leader lacks what was acknowledged");
  }
}

void FakeGroup::Acknowledge(const NodeId& id) {
  const Copy& leader = copies_.at(id);
  for (const auto& [other, copy] : copies_) {
    if (other != id && copy.group == leader.group && copy.MayAcknowledge()) {
      Fail("two may acknowledge at one instant");
    }
  }
  if (!leader.MayAcknowledge()) return;  // It has run out meanwhile.
  kept_[leader.group].insert(leader.log.back());
  ++acknowledged_;
}

void FakeGroup::Write() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, copy] : copies_) {
    if (!copy.MayAcknowledge()) continue;
    copy.log.push_back(++writes_);
    bool all = copy.counts;
    for (const NodeId& follower : copy.counted) all = Copies(id, follower) && all;
    if (all) Acknowledge(id);
  }
}

void FakeGroup::Host::Lead(const GroupId& group, Epoch epoch) {
  const std::lock_guard lock(world_.mutex_);
  world_.Take(mine(), Part::kLeads, group, epoch, node_);
}

void FakeGroup::Host::Follow(const GroupId& group, Epoch epoch, const LeaderAddress& leader) {
  const std::lock_guard lock(world_.mutex_);
  if (leader.host.empty() || leader.port == 0) world_.Fail("told to follow no address");
  world_.Take(mine(), Part::kFollows, group, epoch, leader.id);
}

void FakeGroup::Host::Leave() {
  const std::lock_guard lock(world_.mutex_);
  if (mine().lease != INT64_MIN) world_.Fail("told to leave while there is a lease");
  mine().part = Part::kNobody;
}

void FakeGroup::Host::SetLease(int64_t until_micros) {
  const std::lock_guard lock(world_.mutex_);
  Copy& copy = mine();
  copy.lease = until_micros;
  if (until_micros <= SystemClock().MonotonicMicros()) return;
  if (copy.part != Part::kLeads) world_.Fail("a lease for one that does not lead");
  if (!copy.counts) world_.Fail("a lease without a word of whom to wait for");
  if (copy.data != DataState::kLive) world_.Fail("a lease before the data is live");
  world_.CheckKept(copy);
}

void FakeGroup::Host::BecomeLive() {
  const std::lock_guard lock(world_.mutex_);
  Copy& copy = mine();
  if (copy.part != Part::kLeads) world_.Fail("live, and does not lead");
  if (std::exchange(copy.data, DataState::kLive) == DataState::kLive) return;
  std::set<uint64_t>& kept = world_.kept_[copy.group];
  world_.given_up_ += kept.size();
  kept.clear();
}

void FakeGroup::Host::CountInSync(std::span<const NodeId> followers) {
  const std::lock_guard lock(world_.mutex_);
  mine().counts = true;
  mine().counted = {followers.begin(), followers.end()};
}

std::vector<GroupHost::Follower> FakeGroup::Host::Followers() {
  const std::lock_guard lock(world_.mutex_);
  std::vector<Follower> followers;
  if (mine().part != Part::kLeads) return followers;
  for (const auto& [id, copy] : world_.copies_) {
    if (!world_.Copies(node_, id)) continue;
    followers.push_back({.node = id, .offset = copy.log.size(), .fit = true});
  }
  return followers;
}

void FakeGroup::Host::StopWrites() {
  const std::lock_guard lock(world_.mutex_);
  mine().stopped = true;
}

std::optional<uint64_t> FakeGroup::Host::StoppedAt() {
  const std::lock_guard lock(world_.mutex_);
  if (!mine().stopped) return std::nullopt;
  return mine().log.size();
}

void FakeGroup::Host::ResumeWrites() {
  const std::lock_guard lock(world_.mutex_);
  mine().stopped = false;
}

GroupReport FakeGroup::Host::Report() {
  const std::lock_guard lock(world_.mutex_);
  const Copy& copy = mine();
  return {
      .epoch = copy.epoch, .data_epoch = copy.epoch, .offset = copy.log.size(), .data = copy.data};
}

}  // namespace henge::cluster
