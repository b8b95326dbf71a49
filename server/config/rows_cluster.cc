// SPDX-License-Identifier: Apache-2.0
#include "cluster/ring.h"
#include "server/config/parameter_rows.h"

namespace henge::server::rows {
namespace {

// A row is a line.
// clang-format off
constexpr Parameter kRows[] = {
    Bool("cluster-enabled", "cluster.enabled", At<&Settings::cluster_enabled>, false, kImmutable, "Be a node of a cluster."),
    Bool("cluster-sharding", "cluster.sharding", At<&Settings::cluster_sharding>, true, kImmutable | kOwn, "Henge's: no: cluster-nodes are one leader and its followers, with automatic failover, plain servers to clients."),
    String("cluster-name", "cluster.name", At<&Settings::cluster_name>, "mymaster", kImmutable | kOwn, "Henge's: without sharding, the name under which SENTINEL commands tell who leads."),
    String("cluster-self", "cluster.self", At<&Settings::cluster_self>, "", kImmutable | kOwn | kEmptyIsAbsent, "Henge's: which of cluster-nodes this node is."),
    Special("cluster-nodes", "cluster.nodes", At<&Settings::cluster_nodes>, ParameterType::kClusterNodes, "", kImmutable | kOwn | kMultiArg | kEmptyIsAbsent, "Henge's: the members, each as id=host:port[@bus-port][,priority=N][,zone=Z][,weight=W]."),
    Int("cluster-virtual-nodes", "cluster.virtual-nodes", At<&Settings::cluster_virtual_nodes>, {1, 65536, cluster::kDefaultVirtualNodes}, kImmutable | kOwn, "Henge's: points on the ring for each unit of a node's weight."),
    OneOf("cluster-coordinator", "cluster.coordinator", At<&Settings::cluster_coordinator>, kCoordinatorNames, "embedded", kImmutable | kOwn, "Henge's: who keeps the topology: the nodes themselves, or an etcd."),
    Special("cluster-etcd-endpoints", "cluster.etcd.endpoints", At<&Settings::cluster_etcd_endpoints>, ParameterType::kEndpoints, "127.0.0.1:2379", kImmutable | kOwn | kMultiArg, "Henge's: members of that etcd, each as host:port; all with https:// before it, if etcd speaks TLS."),
    String("cluster-etcd-prefix", "cluster.etcd.prefix", At<&Settings::cluster_etcd_prefix>, "/henge", kImmutable | kOwn, "Henge's: what its keys begin with; nodes that share it are one cluster."),
    String("cluster-etcd-ca-cert-file", "cluster.etcd.ca-cert-file", At<&Settings::cluster_etcd_ca_cert_file>, "", kImmutable | kOwn | kEmptyIsAbsent, "Henge's: who signs etcd's certificates, as PEM; without it whom this machine trusts."),
    String("cluster-etcd-cert-file", "cluster.etcd.cert-file", At<&Settings::cluster_etcd_cert_file>, "", kImmutable | kOwn | kEmptyIsAbsent, "Henge's: the certificate to show to etcd, as PEM."),
    String("cluster-etcd-key-file", "cluster.etcd.key-file", At<&Settings::cluster_etcd_key_file>, "", kImmutable | kOwn | kEmptyIsAbsent, "Henge's: that certificate's key, as PEM."),
    String("cluster-etcd-user", "cluster.etcd.user", At<&Settings::cluster_etcd_user>, "", kImmutable | kOwn | kEmptyIsAbsent, "Henge's: user to be at etcd; without it there is no login."),
    String("cluster-etcd-password", "cluster.etcd.password", At<&Settings::cluster_etcd_password>, "", kImmutable | kOwn | kSensitive | kEmptyIsAbsent, "Henge's: that user's password."),
    String("cluster-config-file", "cluster.config-file", At<&Settings::cluster_config_file>, "nodes.conf", kImmutable, "Where this node's part in the cluster is kept: a folder of this name with .d behind it."),
    Int("cluster-node-timeout", "cluster.node-timeout", At<&Settings::cluster_node_timeout>, {0, kLongMax, 1500}, 0, "Milliseconds of silence after which a node has failed. Redis's default is 15000."),
    Int("cluster-port", "cluster.bus-port", At<&Settings::cluster_port>, {0, 65535, 0}, kImmutable, "Port for the other nodes; 0 is the client port plus 10000."),
    String("cluster-announce-ip", "cluster.announce-ip", At<&Settings::cluster_announce_ip>, "", kEmptyIsAbsent, "Address to tell the others."),
    Int("cluster-announce-port", "cluster.announce-port", At<&Settings::cluster_announce_port>, {0, 65535, 0}, 0, "Client port to tell the others."),
    Int("cluster-announce-tls-port", "cluster.announce-tls-port", At<&Settings::cluster_announce_tls_port>, {0, 65535, 0}, 0, "TLS port to tell the others."),
    Int("cluster-announce-bus-port", "cluster.announce-bus-port", At<&Settings::cluster_announce_bus_port>, {0, 65535, 0}, 0, "Port for nodes to tell the others."),
    String("cluster-announce-hostname", "cluster.announce-hostname", At<&Settings::cluster_announce_hostname>, "", kEmptyIsAbsent, "Host name to tell clients beside the address."),
    String("cluster-announce-human-nodename", "cluster.announce-human-nodename", At<&Settings::cluster_announce_human_nodename>, "", kEmptyIsAbsent, "Name to show in logs."),
    OneOf("cluster-preferred-endpoint-type", "cluster.preferred-endpoint-type", At<&Settings::cluster_preferred_endpoint_type>, kEndpointTypeNames, "ip", 0, "What clients are told to connect to."),
    Bool("cluster-require-full-coverage", "cluster.require-full-coverage", At<&Settings::cluster_require_full_coverage>, true, 0, "Refuse commands while a slot has no owner."),
    Bool("cluster-allow-reads-when-down", "cluster.allow-reads-when-down", At<&Settings::cluster_allow_reads_when_down>, false, 0, "Answer reads while the cluster is down."),
    Bool("cluster-allow-pubsubshard-when-down", "cluster.allow-pubsubshard-when-down", At<&Settings::cluster_allow_pubsubshard_when_down>, true, 0, "Serve shard channels while the cluster is down."),
    Bool("cluster-replica-no-failover", "cluster.replica-no-failover", At<&Settings::cluster_replica_no_failover>, false, 0, "Never be promoted because a leader failed.").Alias("cluster-slave-no-failover"),
    Int("cluster-replica-validity-factor", "cluster.replica-validity-factor", At<&Settings::cluster_replica_validity_factor>, {0, kIntMax, 10}, kNotYet, "Node timeouts a replica may have been away and still be promoted.").Alias("cluster-slave-validity-factor"),
    Bool("cluster-allow-replica-migration", "cluster.allow-replica-migration", At<&Settings::cluster_allow_replica_migration>, true, 0, "Let this node follow who took its last slot, or a leader that lost its replicas."),
    Int("cluster-migration-barrier", "cluster.migration-barrier", At<&Settings::cluster_migration_barrier>, {0, kIntMax, 1}, 0, "Replicas a leader keeps when others move."),
    Size("cluster-link-sendbuf-limit", "cluster.link-sendbuf-limit", At<&Settings::cluster_link_sendbuf_limit>, {0, kLongMax, 0}, 0, "Bytes of messages that may wait for one node before more are dropped; 0 is 64 MB."),
    Int("cluster-ping-interval", "cluster.ping-interval", At<&Settings::cluster_ping_interval>, {0, kLongMax, 0}, kHidden | kNotYet, "Milliseconds between pings, for tests."),
};
// clang-format on

}  // namespace

std::span<const Parameter> Cluster() { return kRows; }

}  // namespace henge::server::rows
