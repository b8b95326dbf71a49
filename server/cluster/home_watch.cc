// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/home_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/node.h"

namespace henge::server {

// What comes to nothing is looked at again, in whatever the topology is then. One that lags behind
// proposes no more than it had to at that time: Apply refuses it if the group has slots again.
void HomeWatch::Tick() {
  if (node_.member() == nullptr || moving_->load()) return;
  cluster::ClusterView& view = node_.member()->view();
  const cluster::TopologyPtr topology = view.topology();
  const Settings& settings = node_.parameters();
  const auto change = search_.Look(*topology, view.my_id(),
                                   {.moves = settings.cluster_allow_replica_migration.load(),
                                    .barrier = settings.cluster_migration_barrier.load()},
                                   SystemClock().MonotonicMicros());
  if (!change) return;
  const cluster::Group* group = topology->FindGroup(change->group);
  LogNotice("A node is to follow another group, as its own has no slots or that one no followers",
            {{"node", change->node.str()}, {"leader", group->leader.str()}});
  moving_->store(true);
  view.Propose(*change, [moving = moving_](const absl::Status&) { moving->store(false); });
}

}  // namespace henge::server
