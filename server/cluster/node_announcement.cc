// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/node_announcement.h"

#include <utility>

#include "cluster/announcement.h"
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
  cluster::Node self = plan.ok() ? plan->self : cluster::Node();
  const int64_t port = node.parameters().port.load();
  if (port != node.options().listen.port) self.port = static_cast<uint16_t>(port);  // CONFIG SET.
  return self;
}

cluster::Announcement FromParameters(const Settings& settings) {
  return {
      .ip = settings.cluster_announce_ip.load(),
      .port = static_cast<uint16_t>(settings.cluster_announce_port.load()),
      .client_tls_port = static_cast<uint16_t>(settings.cluster_announce_tls_port.load()),
      .bus_port = static_cast<uint16_t>(settings.cluster_announce_bus_port.load()),
      .hostname = settings.cluster_announce_hostname.load(),
      .nodename = settings.cluster_announce_human_nodename.load(),
      .no_failover = settings.cluster_replica_no_failover.load(),
  };
}

}  // namespace

bool IsAnnounced(std::string_view parameter) {
  return parameter.starts_with("cluster-announce-") || parameter == "cluster-replica-no-failover" ||
         parameter == "port";
}

void AnnounceNode(Node& node, cluster::ProposalDone done) {
  if (node.member() == nullptr) return done(absl::OkStatus());
  cluster::ClusterView& view = node.member()->view();
  const cluster::TopologyPtr topology = view.topology();
  const cluster::Node* known = topology->Find(view.my_id());
  if (known == nullptr) return done(absl::OkStatus());
  cluster::Node self = *known;
  cluster::TakeAnnounced(self,
                         cluster::Announced(Configured(node), FromParameters(node.parameters())));
  if (self.host.empty()) self.host = known->host;
  if (self.name.empty()) self.name = known->id.str();
  if (self == *known) return done(absl::OkStatus());
  view.Propose(cluster::UpdateNode{std::move(self)}, std::move(done));
}

void AnnounceAtStart(Node& node) {
  if (FromParameters(node.parameters()) == cluster::Announcement()) return;
  AnnounceNode(node, [](const absl::Status&) {});
}

}  // namespace henge::server
