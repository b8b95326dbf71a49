// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/replica.h"

#include <algorithm>
#include <utility>

#include "tests/sim/process.h"
#include "tests/sim/stream.h"

namespace henge::sim {

using cluster::DataState;
using cluster::NodeId;

namespace {

constexpr int64_t kMaxLag = 300 * kMilli;
constexpr int64_t kBacklog = 60;  // Writes.

}  // namespace

Replica::Replica(World& world, size_t self, const cluster::GroupId& group)
    : world_(world), self_(self), id_(group) {
  const auto& disks = world.machine(self).data;
  const auto disk = disks.find(group);
  const bool found = disk != disks.end();
  if (found) {
    history_ = disk->second.history;
    log_ = disk->second.log;
    data_epoch_ = disk->second.data_epoch;
    newest_epoch_ = disk->second.newest_epoch;
  }
  kept_from_ = synced_ = end();
  world_.After(self_, static_cast<int64_t>(world.random().Below(400)) * kMilli, [=, this] {
    state_ = found ? DataState::kRecovered : DataState::kNothing;
    if (!group_.id.IsZero()) Adopt(cluster::Group(group_));
  });
}

Replica::~Replica() = default;

// --- What this node is ---------------------------------------------------------------------------

void Replica::Adopt(const cluster::Group& group) {
  group_ = group;
  Learn(group.epoch);
  std::erase_if(joining_, [&](const NodeId& id) { return group.IsInSync(id); });
  if (state_ == DataState::kLoading) return;
  if (group.leader == world_.machine(self_).id) {
    TakeLead(group.epoch);
  } else {
    Follow(world_.IndexOf(group.leader));
  }
  Release();
}

void Replica::TakeLead(Epoch epoch) {
  if (lease_.leading() && lease_.epoch() == epoch) return;
  if (link_ != nullptr) std::shared_ptr(link_)->CloseFollower();
  CloseStreams();
  lease_.Lead(epoch);
  stopped_ = false;
  joining_.clear();
  pending_.clear();
  samples_.clear();
  replicated_to_ = 0;
  if (!live()) return;  // A lease will say that what there is counts.
  history_.Branch(end());
  data_epoch_ = epoch;
  led_from_ = std::min(led_from_, log_.size());
}

void Replica::Follow(size_t leader) {
  if (lease_.leading()) {
    lease_.Follow();
    CloseStreams();
    pending_.clear();
    joining_.clear();
    stopped_ = false;
  }
  if (link_ != nullptr && link_->leader() != leader) std::shared_ptr(link_)->CloseFollower();
}

void Replica::BecomeLive() {
  state_ = DataState::kLive;
  history_.Branch(end());
  data_epoch_ = lease_.epoch();
  led_from_ = std::min(led_from_, log_.size());
}

bool Replica::MayAcknowledge() const { return lease_.MayAcknowledge(world_.Local(self_)); }

void Replica::Grant(Epoch epoch, int64_t sent_micros, int64_t lease_micros) {
  if (!lease_.leading() || lease_.epoch() != epoch || state_ == DataState::kLoading) return;
  lease_.Grant(epoch, sent_micros, lease_micros);
  const bool was_live = live();
  if (!was_live) {
    BecomeLive();
    revived_epoch_ = epoch;
  }
  if (!MayAcknowledge()) return;  // It came too late.
  world_.one_leader().OnGrant(self_, epoch, world_.CountLeaders(id_, self_));
  if (std::exchange(served_epoch_, epoch) != epoch) OnServes();
}

void Replica::OnServes() {
  const Epoch epoch = lease_.epoch();
  const bool was_live = revived_epoch_ != epoch;
  world_.Trace(epoch << 8 | self_);
  world_.Tell("{}: node {} serves in epoch {}, {} writes, live {}", Name(), self_, epoch,
              log_.size(), was_live);
  if (!was_live) ++world_.counts.revivals;
  world_.kept(id_).OnServes(self_, log_, was_live);
}

cluster::GroupReport Replica::Report() const {
  return {.group = id_,
          .epoch = lease_.leading() ? lease_.epoch() : data_epoch_,
          .offset = log_.size(),
          .data = state_};
}

void Replica::Tick() {
  const int64_t now = world_.Local(self_);
  if (link_ != nullptr) {
    const auto link = link_;
    link->Acknowledge();
    link->CheckSilence(false);
  } else if (!lease_.leading() && !group_.leader.IsZero() && now >= connect_at_ &&
             state_ != DataState::kLoading) {
    Connect(world_.IndexOf(group_.leader));
  }
  if (lease_.leading()) {
    samples_.push_back({now, end()});
    while (samples_.size() > 1 && samples_[1].at <= now - kMaxLag) samples_.pop_front();
    for (const auto& stream : streams()) {
      stream->Pump();
      stream->CheckSilence(true);
    }
    Release();
  }
  const bool slow = world_.machine(self_).sync_micros > 10 * kMilli;
  if (state_ != DataState::kLoading && world_.OneIn(slow ? 40 : 4)) Sync();
  if (end() - kept_from_ > kBacklog) {
    kept_from_ = end() - static_cast<int64_t>(world_.random().Below(kBacklog));
  }
}

void Replica::Connect(size_t leader) {
  connect_at_ = world_.Local(self_) + static_cast<int64_t>(world_.random().Below(200)) * kMilli;
  const bool reached = world_.Open(self_, leader) && world_.Open(leader, self_);
  if (!reached || !world_.machine(leader).up()) return;
  const replication::StreamHello hello{
      .epoch = newest_epoch_, .history_id = history_.id(), .next_offset = end() + 1};
  link_ = std::make_shared<Stream>(world_, id_, self_, leader, hello);
  link_->Begin(hello);
}

// What the disk has is what it had, and what came since; or all anew.
void Replica::Sync() {
  DataDisk& disk = world_.machine(self_).data[id_];
  if (std::exchange(disk_is_other_, false)) disk.log.clear();
  disk.log.insert(disk.log.end(), log_.begin() + static_cast<ptrdiff_t>(disk.log.size()),
                  log_.end());
  disk.history = history_;
  disk.data_epoch = data_epoch_;
  disk.newest_epoch = newest_epoch_;
  synced_ = end();
}

// --- As a leader ---------------------------------------------------------------------------------

replication::Holding Replica::Holding() const {
  return {.history = history_,
          .begin = kept_from_,
          .end = end(),
          .keeps = true,
          .epochs = {data_epoch_, newest_epoch_}};
}

bool Replica::Serves() const {
  return lease_.leading() && (live() || world_.has(Bug::kServesBeforeLive));
}

void Replica::Write(Concern concern) {
  const bool careless = world_.has(Bug::kNoLeaseForAsync) && concern == Concern::kAsync;
  if (!lease_.leading() || !live() || stopped_ || (!MayAcknowledge() && !careless)) return;
  const uint32_t write = world_.NextWrite();
  log_.push_back(write);
  pending_.push_back({end(), write, concern});
  if (concern == Concern::kAsync) Acknowledge(write, concern);
  for (const auto& stream : streams()) stream->Pump();
  Release();
}

void Replica::Acknowledge(uint32_t write, Concern concern) {
  world_.one_leader().OnAcknowledge(id_, lease_.epoch(), self_, MayAcknowledge());
  world_.kept(id_).OnAcknowledge(write, concern, self_, world_.machine(self_).life);
}

bool Replica::Counts(const NodeId& follower) const {
  if (group_.IsInSync(follower)) return true;
  return joining_.contains(follower) && !world_.has(Bug::kJoiningNotCounted);
}

int64_t Replica::ReplicatedTo() const {
  int64_t least = end();
  for (const NodeId& follower : group_.followers) {
    if (!Counts(follower)) continue;
    const auto at = streams_.find(world_.IndexOf(follower));
    least = std::min(least, at == streams_.end() ? 0 : at->second->leader_end().acknowledged());
  }
  return least;
}

void Replica::Release() {
  if (!lease_.leading()) return;
  replicated_to_ = std::max(replicated_to_, ReplicatedTo());
  while (!pending_.empty() && pending_.front().offset <= replicated_to_) {
    const Pending pending = pending_.front();
    pending_.pop_front();
    if (pending.concern == Concern::kAsync) {
      world_.kept(id_).OnReplicated(pending.write);
    } else if (MayAcknowledge()) {
      Acknowledge(pending.write, pending.concern);
    }
  }
}

Replica::Standing Replica::StandingOf(size_t follower) const {
  const auto at = streams_.find(follower);
  if (at == streams_.end() || !at->second->online()) return {.lags = true};
  const int64_t has = at->second->leader_end().acknowledged();
  return {.online = true,
          .acknowledged = has,
          .lags = !samples_.empty() && has < samples_.front().end,
          .caught_up = has >= replicated_to_ && has + 2 >= end()};
}

std::vector<std::shared_ptr<Stream>> Replica::streams() const {
  std::vector<std::shared_ptr<Stream>> all;
  for (const auto& [follower, stream] : streams_) all.push_back(stream);
  return all;
}

void Replica::Attach(size_t follower, std::shared_ptr<Stream> stream) {
  if (const auto at = streams_.find(follower); at != streams_.end()) {
    std::shared_ptr(at->second)->CloseLeader();
  }
  streams_[follower] = std::move(stream);
}

void Replica::Detach(const Stream* stream) {
  const auto at = streams_.find(stream->follower());
  if (at != streams_.end() && at->second.get() == stream) streams_.erase(at);
}

void Replica::CloseStreams() {
  for (const auto& stream : streams()) stream->CloseLeader();
}

// --- As a follower -------------------------------------------------------------------------------

void Replica::LoseLink() { link_.reset(); }

void Replica::GoOnUnder(std::string_view history_id, Epoch epoch) {
  world_.Tell("{}: node {} goes on in epoch {} at {}", Name(), self_, epoch, end());
  if (history_id != history_.id()) history_.Rename(history_id, end());
  Believe(epoch);
}

void Replica::Believe(Epoch epoch) {
  if (epoch < newest_epoch_) {
    world_.verdict().Violated("epoch", fmt::format("node {} believes a leader of epoch {}, and "
                                                   "knows of {}",
                                                   self_, epoch, newest_epoch_));
  }
  data_epoch_ = epoch;
  Learn(epoch);
}

void Replica::Load(std::string_view history_id, const std::vector<uint32_t>& log, Epoch epoch) {
  world_.Tell("{}: node {} loads {} writes of epoch {} in place of {}", Name(), self_, log.size(),
              epoch, log_.size());
  DropTail(log);
  history_.Adopt(history_id);
  log_ = log;
  Believe(epoch);
  kept_from_ = end();
  synced_ = 0;
  disk_is_other_ = true;
  state_ = DataState::kNothing;  // Until it has what its leader had when it asked.
}

void Replica::DropTail(const std::vector<uint32_t>& next) {
  const size_t from = std::exchange(led_from_, SIZE_MAX);
  if (from == SIZE_MAX || world_.has(Bug::kDiscardsSilently)) return;
  size_t common = 0;
  while (common < log_.size() && common < next.size() && log_[common] == next[common]) ++common;
  const std::span dropped = std::span(log_).subspan(common);
  world_.kept(id_).OnDrop(self_, world_.machine(self_).life, dropped);
}

void Replica::Append(std::span<const uint32_t> writes, Epoch epoch) {
  log_.insert(log_.end(), writes.begin(), writes.end());
  Believe(epoch);
}

void Replica::Leave() {
  lease_.Follow();
  if (link_ != nullptr) std::shared_ptr(link_)->CloseFollower();
  CloseStreams();
}

void Replica::End(bool tell) {
  if (link_ != nullptr) std::shared_ptr(link_)->Break(false, tell);
  for (const auto& stream : streams()) stream->Break(true, tell);
}

}  // namespace henge::sim
