// SPDX-License-Identifier: Apache-2.0
#include "server/config/parameter_rows.h"

namespace henge::server::rows {
namespace {

// A row is a line.
// clang-format off
constexpr Parameter kRows[] = {
    Special("replicaof", "replication.leader", At<&Settings::replicaof>, ParameterType::kReplicaOf, "", kImmutable | kMultiArg, "Leader to follow: host and port, or host:port.").Alias("slaveof"),
    OneOf("replication-role", "replication.role", At<&Settings::replication_role>, kReplicationRoleNames, "auto", kImmutable | kOwn, "Henge's: what the node must be when it starts; auto: a follower if a leader is named."),
    String("masterauth", "replication.masterauth", At<&Settings::masterauth>, "", kSensitive | kEmptyIsAbsent, "Password to show to the leader.").Alias("primaryauth"),
    String("masteruser", "replication.masteruser", At<&Settings::masteruser>, "", kSensitive | kEmptyIsAbsent, "User to be at the leader.").Alias("primaryuser"),
    Int("replica-priority", "replication.replica-priority", At<&Settings::replica_priority>, {0, kIntMax, 100}, 0, "Who is promoted first: lower goes first, 0 never.").Alias("slave-priority"),
    Bool("replica-read-only", "replication.replica-read-only", At<&Settings::replica_read_only>, true, 0, "Refuse writes from clients while following.").Alias("slave-read-only"),
    Bool("replica-serve-stale-data", "replication.replica-serve-stale-data", At<&Settings::replica_serve_stale_data>, true, 0, "Answer while the leader is out of reach.").Alias("slave-serve-stale-data"),
    Bool("replica-lazy-flush", "replication.replica-lazy-flush", At<&Settings::replica_lazy_flush>, false, kNotYet, "Free old data in the background before a full sync.").Alias("slave-lazy-flush"),
    Bool("replica-ignore-maxmemory", "replication.replica-ignore-maxmemory", At<&Settings::replica_ignore_maxmemory>, true, 0, "Leave eviction to the leader.").Alias("slave-ignore-maxmemory"),
    Bool("replica-ignore-disk-write-errors", "replication.replica-ignore-disk-write-errors", At<&Settings::replica_ignore_disk_write_errors>, false, kNotYet, "Go on following when the disk refuses writes."),
    Bool("replica-announced", "replication.replica-announced", At<&Settings::replica_announced>, true, kNotYet, "Let Sentinel show this replica to clients."),
    String("replica-announce-ip", "replication.replica-announce-ip", At<&Settings::replica_announce_ip>, "", kEmptyIsAbsent, "Address to tell the leader.").Alias("slave-announce-ip"),
    Int("replica-announce-port", "replication.replica-announce-port", At<&Settings::replica_announce_port>, {0, 65535, 0}, 0, "Port to tell the leader.").Alias("slave-announce-port"),
    Bool("repl-diskless-sync", "replication.diskless-sync", At<&Settings::repl_diskless_sync>, true, 0, "Send a full sync while it is written, not after."),
    Int("repl-diskless-sync-delay", "replication.diskless-sync-delay", At<&Settings::repl_diskless_sync_delay>, {0, kIntMax, 0}, 0, "Seconds to wait for more replicas before a full sync. Who comes later may join it anyway."),
    Int("repl-diskless-sync-max-replicas", "replication.diskless-sync-max-replicas", At<&Settings::repl_diskless_sync_max_replicas>, {0, kIntMax, 0}, 0, "So many replicas end that wait; 0: none do."),
    OneOf("repl-diskless-load", "replication.diskless-load", At<&Settings::repl_diskless_load>, kDisklessLoadNames, "disabled", kDenyLoading, "How a replica loads a full sync, which it receives into a file first. swapdb: beside what is there, which is served until the moment of the change, if the master's history is the same; takes the memory of both. disabled, on-empty-db: in its place."),
    Bool("repl-disable-tcp-nodelay", "replication.disable-tcp-nodelay", At<&Settings::repl_disable_tcp_nodelay>, false, kNotYet, "Save bandwidth to replicas at the price of delay."),
    Int("repl-ping-replica-period", "replication.ping-replica-period", At<&Settings::repl_ping_replica_period>, {1, kIntMax, 10}, 0, "Seconds between pings to replicas.").Alias("repl-ping-slave-period"),
    Int("repl-timeout", "replication.timeout", At<&Settings::repl_timeout>, {1, kIntMax, 60}, 0, "Seconds of silence after which the other end is gone."),
    Size("repl-backlog-size", "replication.backlog-size", At<&Settings::repl_backlog_size>, {1, kLongMax, kMb}, 0, "Bytes kept for replicas that were away."),
    Size("repl-backlog-disk-size", "replication.backlog-disk-size", At<&Settings::repl_backlog_disk_size>, {0, kLongMax, 0}, 0, "Henge's: bytes of the stream kept on disk, too, for replicas that were away longer; 0 is none."),
    Int("repl-backlog-ttl", "replication.backlog-ttl", At<&Settings::repl_backlog_ttl>, {0, kLongMax, 3600}, 0, "Seconds the backlog outlives the last replica."),
    Bool("repl-grpc", "replication.grpc", At<&Settings::repl_grpc>, true, 0, "Henge's: between Henge's nodes replicate by gRPC streams, not by Redis's protocol."),
    Int("repl-grpc-port", "replication.grpc-port", At<&Settings::repl_grpc_port>, {0, 65535, 0}, kImmutable | kOwn, "Henge's: port of these streams, opened when a follower asks; 0 is the client port plus 10000."),
    Int("min-replicas-to-write", "replication.min-replicas-to-write", At<&Settings::min_replicas_to_write>, {0, kIntMax, 0}, 0, "Replicas needed for a write to be accepted.").Alias("min-slaves-to-write"),
    Int("min-replicas-max-lag", "replication.min-replicas-max-lag", At<&Settings::min_replicas_max_lag>, {0, kIntMax, 10}, 0, "Seconds of lag at which a replica does not count.").Alias("min-slaves-max-lag"),
    OneOf("write-concern", "replication.write-concern", At<&Settings::write_concern>, kWriteConcernNames, "async", 0, "Henge's: whether the reply to a write waits until all followers in sync have it."),
    Int("insync-followers-min", "replication.insync-followers-min", At<&Settings::insync_followers_min>, {0, kIntMax, 1}, 0, "Henge's: followers in sync without which writes are refused (write-concern insync)."),
    Int("insync-max-lag", "replication.insync-max-lag", At<&Settings::insync_max_lag>, {10, kIntMax, 1000}, 0, "Henge's: milliseconds of lag at which a follower is not in sync any more."),
    Bool("allow-empty-leader", "replication.allow-empty-leader", At<&Settings::allow_empty_leader>, false, 0, "Henge's: give up this follower's data for a leader that came back without any."),
};
// clang-format on

}  // namespace

std::span<const Parameter> Replication() { return kRows; }

}  // namespace henge::server::rows
