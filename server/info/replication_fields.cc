// SPDX-License-Identifier: Apache-2.0
// INFO replication.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "server/info/sections.h"
#include "server/node.h"

namespace henge::server {
namespace {

// What is sent while it is written is to Redis a follower that waits for that to end.
std::string_view StateName(FollowerFeed::State state, bool diskless) {
  if (state == FollowerFeed::State::kOnline) return "online";
  return state == FollowerFeed::State::kSending && !diskless ? "send_bulk" : "wait_bgsave";
}

std::string_view FailoverName(Failover::State state) {
  switch (state) {
    case Failover::State::kWaiting:
      return "waiting-for-sync";
    case Failover::State::kInProgress:
      return "failover-in-progress";
    default:
      return "no-failover";
  }
}

void FollowingFields(Node& node, const Replication::Report& report, InfoFields& out) {
  const UnixMillis now = SystemClock().NowMillis();
  const bool up = report.link == LinkStatus::State::kConnected;
  const bool syncing = report.link == LinkStatus::State::kSync;
  out("master_host", report.leader_host);
  out("master_port", report.leader_port);
  out("master_link_status", up ? "up" : "down");
  out("master_last_io_seconds_ago",
      report.last_heard == 0 || !up ? -1 : (now - report.last_heard) / 1000);
  out("master_sync_in_progress", syncing ? 1 : 0);
  out("slave_read_repl_offset", report.offset);
  out("slave_repl_offset", report.offset);
  if (syncing) {
    const int64_t total = report.payload_total;
    out("master_sync_total_bytes", total);
    out("master_sync_read_bytes", report.payload_bytes);
    out("master_sync_left_bytes", total < 0 ? -1 : total - report.payload_bytes);
    out("master_sync_perc",
        fmt::format("{:.2f}", total > 0 ? 100.0 * static_cast<double>(report.payload_bytes) /
                                              static_cast<double>(total)
                                        : 0.0));
    out("master_sync_last_io_seconds_ago", (now - report.last_heard) / 1000);
  }
  if (!up) out("master_link_down_since_seconds", (now - report.down_since) / 1000);
  const Settings& settings = node.parameters();
  out("slave_priority", settings.replica_priority.load());
  out("slave_read_only", settings.replica_read_only.load() ? 1 : 0);
  out("replica_announced", settings.replica_announced.load() ? 1 : 0);
}

}  // namespace

void ReplicationFields(Node& node, InfoFields& out) {
  Replication::Report report = node.replication().report();
  std::move(report.leaving.begin(), report.leaving.end(), std::back_inserter(report.followers));
  out("role", report.follows ? "slave" : "master");
  if (report.follows) FollowingFields(node, report, out);
  out("connected_slaves", report.followers.size());
  size_t number = 0;
  const bool diskless = node.parameters().repl_diskless_sync.load();
  for (const Replication::FollowerReport& follower : report.followers) {
    out(fmt::format("slave{}", number++),
        fmt::format("ip={},port={},state={},offset={},lag={}", follower.address, follower.port,
                    StateName(follower.state, diskless), follower.offset,
                    follower.plain ? 0 : follower.lag_seconds));
  }
  const bool hands_over = node.group_failover().under_way();
  out("master_failover_state", hands_over ? FailoverName(Failover::State::kWaiting)
                                          : FailoverName(node.replication().failover().state()));
  out("master_replid", report.history_id);
  out("master_replid2", report.second_id);
  out("master_repl_offset", report.offset);
  out("second_repl_offset", report.second_offset);
  out("repl_backlog_active", report.backlog ? 1 : 0);
  out("repl_backlog_size", node.parameters().repl_backlog_size.load());
  out("repl_backlog_first_byte_offset", report.backlog_begin);
  out("repl_backlog_histlen", report.backlog_bytes);
  if (report.disk_limit > 0) {
    out("repl_backlog_disk_size", report.disk_limit);
    out("repl_backlog_disk_bytes", report.disk_bytes);
  }
  if (report.follows) out("master_link_protocol", report.streams ? "grpc" : "psync");
  if (node.replication().governed()) {
    out("repl_epoch", node.replication().epochs().data);
    out("repl_discarded_bytes", node.replication().discarded_bytes());
    out("repl_discarded_files", node.replication().discarded_files());
  }
  if (!node.replication().acknowledgements().holds_replies()) return;
  out("insync_followers", node.replication().acknowledgements().in_sync());
  number = 0;
  for (const Replication::FollowerReport& follower : report.followers) {
    out(fmt::format("slave{}_in_sync", number++), follower.in_sync ? 1 : 0);
  }
}

void SentinelFields(Node& node, InfoFields& out) {
  if (node.group_watch() == nullptr) return;
  const commands::GroupPicture group = node.group_watch()->Look();
  const commands::GroupMember* leader = group.leader();
  out("sentinel_masters", leader == nullptr ? 0 : 1);
  out("sentinel_tilt", 0);
  out("sentinel_tilt_since_seconds", -1);
  out("sentinel_running_scripts", 0);
  out("sentinel_scripts_queue_length", 0);
  out("sentinel_simulate_failure_flags", 0);
  if (leader == nullptr) return;
  const std::string_view status = leader->failed ? "odown" : leader->silent ? "sdown" : "ok";
  out("master0",
      fmt::format("name={},status={},address={}:{},slaves={},sentinels={}", group.name, status,
                  leader->host, leader->port, group.members.size() - 1, group.members.size()));
}

}  // namespace henge::server
