// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/embedded_coordinator.h"

#include <utility>

#include "cluster/embedded/coordinator_core.h"

namespace henge::cluster {

absl::StatusOr<std::unique_ptr<EmbeddedCoordinator>> EmbeddedCoordinator::Start(
    const EmbeddedOptions& options, persistence::FileSystem& files) {
  auto core = std::make_unique<Core>(options, files);
  if (absl::Status started = core->Start(); !started.ok()) return started;
  return std::unique_ptr<EmbeddedCoordinator>(new EmbeddedCoordinator(std::move(core)));
}

EmbeddedCoordinator::EmbeddedCoordinator(std::unique_ptr<Core> core) : core_(std::move(core)) {}

EmbeddedCoordinator::~EmbeddedCoordinator() = default;

std::vector<std::shared_ptr<grpc::Service>> EmbeddedCoordinator::services() const {
  return core_->services();
}

NodeId EmbeddedCoordinator::self() const { return core_->bulletin().self(); }

TopologyPtr EmbeddedCoordinator::topology() const { return core_->bulletin().topology(); }

std::optional<NodeId> EmbeddedCoordinator::leader() const { return core_->bulletin().leader(); }

bool EmbeddedCoordinator::IsLeader() const { return leader() == self(); }

void EmbeddedCoordinator::Watch(TopologyWatcher* watcher) { core_->bulletin().Watch(watcher); }

void EmbeddedCoordinator::Unwatch(TopologyWatcher* watcher) { core_->bulletin().Unwatch(watcher); }

uint64_t EmbeddedCoordinator::NewRequest() { return core_->NewRequest(); }

void EmbeddedCoordinator::Propose(Proposal proposal, ProposalDone done) {
  core_->Propose(std::move(proposal), std::move(done));
}

void EmbeddedCoordinator::Barrier(int64_t timeout_ms, BarrierDone done) {
  core_->Barrier(timeout_ms, std::move(done));
}

void EmbeddedCoordinator::Meet(const std::string& host, uint16_t bus_port, Done done) {
  core_->Meet(host, bus_port, std::move(done));
}

void EmbeddedCoordinator::Reset(bool hard, Done done) { core_->Reset(hard, std::move(done)); }

}  // namespace henge::cluster
