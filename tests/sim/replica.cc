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

constexpr int64_t kMaxLagMs = 300;
constexpr int64_t kBacklog = 60;  // Writes.

}  // namespace

Replica::Replica(World& world, size_t self, const cluster::GroupId& group)
    : world_(world), self_(self), id_(group) {
  const auto& disks = world.machine(self).data;
  const auto disk = disks.find(group);
  const bool found = disk != disks.end();
  if (found) {
    history_.Adopt(disk->second.history_id);
    log_ = disk->second.log;
    data_epoch_ = disk->second.data_epoch;
    full_epoch_ = disk->second.full_epoch;
    newest_epoch_ = disk->second.newest_epoch;
  }
  kept_from_ = synced_ = end();
  gate_.SetMaxLag(kMaxLagMs);
  world_.After(self_, static_cast<int64_t>(world.random().Below(400)) * kMilli,
               [=, this] { state_ = found ? DataState::kRecovered : DataState::kNothing; });
}

Replica::~Replica() = default;

// --- What this node is ---------------------------------------------------------------------------

void Replica::Lead(Epoch epoch) {
  part_ = Part::kLeads;
  epoch_ = epoch;
  Assume();
}

void Replica::Follow(Epoch epoch, size_t leader) {
  part_ = Part::kFollows;
  epoch_ = epoch;
  leader_ = leader;
  Assume();
}

void Replica::Leave() {
  part_ = Part::kNone;
  Assume();
}

void Replica::Assume() {
  Learn(epoch_);
  lease_until_ = INT64_MIN;
  stopped_ = keeps_lease_ = false;
  pending_.clear();
  CloseStreams();
  gate_.Begin();
  counted_ = 0;
  const bool stays = part_ == Part::kFollows && link_ != nullptr && link_->leader() == leader_;
  if (link_ != nullptr && !stays) std::shared_ptr(link_)->CloseFollower();
  if (part_ != Part::kLeads || !live()) return;  // Else a lease will say that what there is counts.
  Rise();
}

void Replica::Rise() {
  history_.Branch(end());
  own_name_ = true;
  data_epoch_ = epoch_;
}

void Replica::BecomeLive() {
  if (state_ == DataState::kLoading) return;
  full_epoch_ = epoch_;
  if (live()) return;
  state_ = DataState::kLive;
  revived_epoch_ = epoch_;
  Rise();
  world_.kept(id_).OnRevives(self_, log_, world_.HeldInSync(id_));
}

void Replica::SetLease(int64_t until) {
  if (keeps_lease_) return;
  const bool had = MayAcknowledge();
  lease_until_ = leads() ? until : INT64_MIN;
  if (!MayAcknowledge()) return;
  if (!had) world_.one_leader().OnGrant(self_, epoch_, world_.CountLeaders(id_, self_));
  if (std::exchange(served_epoch_, epoch_) != epoch_) OnServes();
  Release();
}

void Replica::OnServes() {
  const bool was_live = revived_epoch_ != epoch_;
  world_.Trace(epoch_ << 8 | self_);
  world_.Tell("{}: node {} serves in epoch {}, {} writes, live {}", Name(), self_, epoch_,
              log_.size(), was_live);
  if (!was_live) ++world_.counts.revivals;
  world_.kept(id_).OnServes(self_, log_, was_live);
}

cluster::GroupReport Replica::Report() const {
  const Epoch epoch = leads() ? epoch_ : data_epoch_;
  return {.group = id_,
          .epoch = epoch,
          .data_epoch = full_epoch_,
          .offset = log_.size(),
          .data = state_};
}

void Replica::Tick() {
  const int64_t now = world_.Local(self_);
  if (link_ != nullptr) {
    const auto link = link_;
    link->Acknowledge();
    link->CheckSilence(false);
  } else if (part_ == Part::kFollows && now >= connect_at_ && state_ != DataState::kLoading) {
    Connect();
  }
  if (leads()) {
    gate_.Sample(now / kMilli, static_cast<Lsn>(end()));
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

void Replica::Connect() {
  connect_at_ = world_.Local(self_) + static_cast<int64_t>(world_.random().Below(200)) * kMilli;
  const bool reached = world_.Open(self_, leader_) && world_.Open(leader_, self_);
  if (!reached || !world_.machine(leader_).up()) return;
  const replication::StreamHello hello{.epoch = newest_epoch_,
                                       .history_id = history_.id(),
                                       .next_offset = end() + 1,
                                       .earlier = history_.earlier()};
  link_ = std::make_shared<Stream>(world_, id_, self_, leader_, hello);
  link_->Begin(hello);
}

// What the disk has is what it had, and what came since; or all anew.
void Replica::Sync() {
  DataDisk& disk = world_.machine(self_).data[id_];
  if (std::exchange(disk_is_other_, false)) disk.log.clear();
  disk.log.insert(disk.log.end(), log_.begin() + static_cast<ptrdiff_t>(disk.log.size()),
                  log_.end());
  disk.history_id = history_.id();
  disk.data_epoch = data_epoch_;
  disk.full_epoch = full_epoch_;
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

bool Replica::Serves() const { return leads() && (live() || world_.has(Bug::kServesBeforeLive)); }

void Replica::Write(Concern concern) {
  const bool careless = world_.has(Bug::kNoLeaseForAsync) && concern == Concern::kAsync;
  if (!leads() || !live() || stopped_ || (!MayAcknowledge() && !careless)) return;
  const uint32_t write = world_.NextWrite();
  log_.push_back(write);
  pending_.push_back({end(), write, concern});
  if (concern == Concern::kAsync) Acknowledge(write, concern);
  for (const auto& stream : streams()) stream->Pump();
  Release();
}

void Replica::Acknowledge(uint32_t write, Concern concern) {
  world_.one_leader().OnAcknowledge(id_, epoch_, self_, MayAcknowledge());
  world_.kept(id_).OnAcknowledge(write, concern, self_, world_.machine(self_).life);
}

void Replica::StopWrites() {
  stopped_ = true;
  if (world_.has(Bug::kKeepsLease)) std::swap(stopped_, keeps_lease_);
}

void Replica::ResumeWrites() { stopped_ = keeps_lease_ = false; }

void Replica::Count(std::vector<size_t> followers) {
  if (world_.has(Bug::kJoiningNotCounted)) {
    const cluster::TopologyPtr topology = world_.machine(self_).process->coordinator().topology();
    const cluster::Group* group = topology->FindGroup(id_);
    std::erase_if(followers, [&](size_t i) { return !group->IsInSync(world_.machine(i).id); });
  }
  if (followers.size() > counted_) {
    world_.Moment(world_.OneIn(2) ? self_ : followers.back());
  }
  counted_ = followers.size();
  std::vector<std::string> names;
  for (const size_t follower : followers) names.push_back(std::to_string(follower));
  gate_.Count(names);
  Release();
}

void Replica::OnAcknowledged(const Stream& stream) {
  gate_.Acknowledge(std::to_string(stream.follower()),
                    static_cast<Lsn>(stream.leader_end().acknowledged()));
  Release();
}

void Replica::Release() {
  if (!leads()) return;
  const Lsn committed = gate_.committed();
  while (!pending_.empty() && static_cast<Lsn>(pending_.front().offset) <= committed) {
    const Pending pending = pending_.front();
    pending_.pop_front();
    if (pending.concern == Concern::kAsync) {
      world_.kept(id_).OnReplicated(pending.write);
    } else if (MayAcknowledge()) {
      Acknowledge(pending.write, pending.concern);
    }
  }
}

std::vector<cluster::GroupHost::Follower> Replica::Followers() {
  std::vector<cluster::GroupHost::Follower> followers;
  gate_.Review(world_.Local(self_) / kMilli, static_cast<Lsn>(end()));
  Release();
  for (const auto& [follower, stream] : streams_) {
    const int64_t has = stream->leader_end().acknowledged();
    const bool fit =
        world_.has(Bug::kJoinsLacking) ? has + 10 >= end() : gate_.Fit(std::to_string(follower));
    followers.push_back({.node = world_.machine(follower).id,
                         .offset = static_cast<uint64_t>(has),
                         .fit = stream->online() && fit});
  }
  return followers;
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
  if (at == streams_.end() || at->second.get() != stream) return;
  gate_.Leave(std::to_string(stream->follower()));
  streams_.erase(at);
}

void Replica::CloseStreams() {
  for (const auto& stream : streams()) stream->CloseLeader();
}

// --- As a follower -------------------------------------------------------------------------------

void Replica::LoseLink() { link_.reset(); }

void Replica::GoOnUnder(std::string_view history_id, Epoch epoch) {
  world_.Tell("{}: node {} goes on in epoch {} at {}", Name(), self_, epoch, end());
  if (history_id != history_.id()) history_.Rename(history_id, end());
  own_name_ = false;
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

void Replica::Load(std::string_view history_id, const std::vector<uint32_t>& log, Epoch epoch,
                   int64_t common) {
  world_.Tell("{}: node {} loads {} writes of epoch {} in place of {}", Name(), self_, log.size(),
              epoch, log_.size());
  DropTail(log, common);
  history_.Adopt(history_id);
  own_name_ = false;
  log_ = log;
  Believe(epoch);
  kept_from_ = end();
  synced_ = 0;
  disk_is_other_ = true;
  state_ = DataState::kNothing;  // Until it has what its leader had when it asked.
  full_epoch_ = 0;
}

void Replica::LeaveTo(size_t leader, uint64_t life) {
  world_.kept(id_).OnFollows(self_, world_.machine(self_).life, log_, leader, life);
}

void Replica::DropTail(const std::vector<uint32_t>& next, int64_t said) {
  size_t common = 0;
  while (common < log_.size() && common < next.size() && log_[common] == next[common]) ++common;
  // It may know of less: a name ends, for who went on under the next, where that one went on.
  if (said > static_cast<int64_t>(common)) {
    world_.verdict().Violated("account", fmt::format("a leader says that node {} has {} writes of "
                                                     "its own history, and it has {}",
                                                     self_, said, common));
  }
  if (world_.has(Bug::kDiscardsSilently)) return;
  // By the names of histories alone, as a server does (server/replication/replication_epochs.cc).
  int64_t from = said;
  if (said < 0) from = own_name_ ? std::max<int64_t>(0, history_.second_offset() - 1) : end();
  if (from < end()) world_.kept(id_).OnDrop(std::span(log_).subspan(static_cast<size_t>(from)));
}

void Replica::Append(std::span<const uint32_t> writes, Epoch epoch) {
  log_.insert(log_.end(), writes.begin(), writes.end());
  Believe(epoch);
}

void Replica::End(bool tell) {
  if (link_ != nullptr) std::shared_ptr(link_)->Break(false, tell);
  for (const auto& stream : streams()) stream->Break(true, tell);
}

}  // namespace henge::sim
