// SPDX-License-Identifier: Apache-2.0
// Host: the GroupHost of a simulated process: the words of its GroupDuty, told to the one Replica
// that it has. One thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cluster/failover/group_host.h"
#include "tests/sim/replica.h"
#include "tests/sim/world.h"

namespace henge::sim {

class Host final : public cluster::GroupHost {
 public:
  Host(World& world, size_t self) : world_(world), self_(self) {}
  void Begin();  // To read what the disk has.

  void Lead(const cluster::GroupId& group, Epoch epoch) override;
  void Follow(const cluster::GroupId& group, Epoch epoch, const LeaderAddress& leader) override;
  void Leave() override;
  void SetLease(int64_t until_micros) override;
  void BecomeLive() override;
  void CountInSync(std::span<const cluster::NodeId> followers) override;
  std::vector<Follower> Followers() override;
  void StopWrites() override;
  std::optional<uint64_t> StoppedAt() override;
  void ResumeWrites() override;
  cluster::GroupReport Report() override;
  cluster::NodeLoad Load() override { return {}; }

  Replica* replica() { return replica_.get(); }  // nullptr before it has any.
  const Replica* replica() const { return replica_.get(); }

 private:
  Replica& Of(const cluster::GroupId& group);

  World& world_;
  const size_t self_;
  std::unique_ptr<Replica> replica_;
};

}  // namespace henge::sim
