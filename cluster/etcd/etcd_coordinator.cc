// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_coordinator.h"

#include <utility>

#include "cluster/etcd/etcd_core.h"

namespace henge::cluster {

absl::StatusOr<std::unique_ptr<EtcdCoordinator>> EtcdCoordinator::Start(
    const EtcdOptions& options, persistence::FileSystem& files) {
  auto core = std::make_unique<Core>(options, files);
  if (absl::Status started = core->Start(); !started.ok()) return started;
  return std::unique_ptr<EtcdCoordinator>(new EtcdCoordinator(std::move(core)));
}

EtcdCoordinator::EtcdCoordinator(std::unique_ptr<Core> core) : core_(std::move(core)) {}

EtcdCoordinator::~EtcdCoordinator() = default;

NodeId EtcdCoordinator::self() const { return core_->bulletin().self(); }

std::string EtcdCoordinator::trouble() const { return core_->trouble(); }

TopologyPtr EtcdCoordinator::topology() const { return core_->bulletin().topology(); }

std::optional<NodeId> EtcdCoordinator::leader() const { return core_->bulletin().leader(); }

bool EtcdCoordinator::IsLeader() const { return leader() == self(); }

void EtcdCoordinator::Watch(TopologyWatcher* watcher) { core_->bulletin().Watch(watcher); }

void EtcdCoordinator::Unwatch(TopologyWatcher* watcher) { core_->bulletin().Unwatch(watcher); }

uint64_t EtcdCoordinator::NewRequest() { return core_->NewRequest(); }

void EtcdCoordinator::Propose(Proposal proposal, ProposalDone done) {
  core_->Propose(std::move(proposal), std::move(done));
}

void EtcdCoordinator::Barrier(int64_t timeout_ms, BarrierDone done) {
  core_->Barrier(timeout_ms, std::move(done));
}

void EtcdCoordinator::Meet(const std::string& host, uint16_t bus_port, Done done) {
  core_->Meet(host, bus_port, std::move(done));
}

void EtcdCoordinator::Reset(bool hard, Done done) { core_->Reset(hard, std::move(done)); }

}  // namespace henge::cluster
