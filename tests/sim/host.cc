// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/host.h"

#include <utility>

namespace henge::sim {

void Host::Begin() {
  const auto& data = world_.machine(self_).data;
  if (!data.empty()) replica_ = std::make_unique<Replica>(world_, self_, data.begin()->first);
}

// What there is of another group gives way.
Replica& Host::Of(const cluster::GroupId& group) {
  if (replica_ != nullptr && replica_->id() != group) {
    replica_->Leave();
    replica_->Forget();
    world_.machine(self_).data.clear();
    world_.Discard(self_, std::move(replica_));
  }
  if (replica_ == nullptr) replica_ = std::make_unique<Replica>(world_, self_, group);
  return *replica_;
}

void Host::Lead(const cluster::GroupId& group, Epoch epoch) { Of(group).Lead(epoch); }

void Host::Follow(const cluster::GroupId& group, Epoch epoch, const LeaderAddress& leader) {
  Of(group).Follow(epoch, world_.IndexOf(leader.id));
}

void Host::Leave() {
  if (replica_ != nullptr) replica_->Leave();
}

void Host::SetLease(int64_t until_micros) {
  if (replica_ != nullptr) replica_->SetLease(until_micros);
}

void Host::BecomeLive() { replica_->BecomeLive(); }

void Host::CountInSync(std::span<const cluster::NodeId> followers) {
  std::vector<size_t> counted;
  for (const cluster::NodeId& id : followers) counted.push_back(world_.IndexOf(id));
  replica_->Count(std::move(counted));
}

std::vector<cluster::GroupHost::Follower> Host::Followers() { return replica_->Followers(); }

void Host::StopWrites() { replica_->StopWrites(); }

std::optional<uint64_t> Host::StoppedAt() { return static_cast<uint64_t>(replica_->end()); }

void Host::ResumeWrites() { replica_->ResumeWrites(); }

// A process that has just begun has nothing of a new group, and knows it.
cluster::GroupReport Host::Report() {
  return replica_ == nullptr ? cluster::GroupReport{} : replica_->Report();
}

}  // namespace henge::sim
