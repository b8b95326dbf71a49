// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/node_announcement.h"

#include <future>
#include <memory>
#include <utility>

#include "server/cluster/coordinator_choice.h"
#include "server/node.h"

namespace henge::server {
namespace {

// This node by its configuration, without what it announces instead.
cluster::Node Configured(Node& node) {
  ClusterConfig config = node.options().cluster;
  config.announce_host.clear();
  config.announce_port = 0;
  const auto plan = PlanNode(config, node.options().listen.port);
  return plan.ok() ? plan->self : cluster::Node();
}

}  // namespace

void AnnounceNode(Node& node, const cluster::Announcement& announcement,
                  std::chrono::milliseconds patience) {
  if (node.member() == nullptr) return;
  cluster::ClusterView& view = node.member()->view();
  const cluster::TopologyPtr topology = view.topology();
  const cluster::Node* known = topology->Find(view.my_id());
  if (known == nullptr) return;
  cluster::Node self = *known;
  cluster::TakeAnnounced(self, cluster::Announced(Configured(node), announcement));
  if (self.host.empty()) self.host = known->host;
  if (self.name.empty()) self.name = known->id.str();
  const auto told = std::make_shared<std::promise<void>>();
  std::future<void> outcome = told->get_future();
  view.Propose(cluster::UpdateNode{std::move(self)},
               [told](const absl::Status&) { told->set_value(); });
  outcome.wait_for(patience);
}

}  // namespace henge::server
