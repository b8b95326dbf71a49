#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the dashboards, dashboards/*.json, from the short form below; --check fails if they differ.

A row is a title and its panels; a panel its title, its unit and its queries, each with a legend. In queries
{i} stands for the matcher of the nodes that were chosen, {r} for the interval of rates.
"""
import json
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dashboards")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
MATCHER, RATE = 'job="henge",instance=~"$instance"', "[$__rate_interval]"


class Panel:
    def __init__(self, title, unit, *queries, kind="timeseries", width=8, most=None, stacked=False, about=""):
        self.title, self.unit, self.queries = title, unit, queries
        self.kind, self.width, self.most, self.stacked, self.about = kind, width, most, stacked, about

    def height(self):
        return 4 if self.kind == "stat" else 8

    def defaults(self):
        defaults = {"unit": self.unit, "min": 0}
        if self.most is not None:
            defaults["max"] = self.most
        if self.kind == "timeseries":
            defaults["custom"] = {"fillOpacity": 10, "showPoints": "never",
                                  "stacking": {"mode": "normal" if self.stacked else "none"}}
        if self.kind == "state-timeline":
            defaults["mappings"] = [{"type": "value", "options": {
                "0": {"text": "no", "color": "red"}, "1": {"text": "yes", "color": "green"}}}]
        return defaults

    def options(self):
        if self.kind == "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none", "graphMode": "area"}
        if self.kind == "state-timeline":
            return {"showValue": "never", "mergeValues": True, "legend": {"showLegend": False}}
        return {"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"}}

    def json(self, number, x, y):
        targets = [{"refId": chr(ord("A") + i), "datasource": SOURCE, "legendFormat": legend,
                    "expr": query.replace("{i}", MATCHER).replace("{r}", RATE)}
                   for i, (query, legend) in enumerate(self.queries)]
        return {"id": number, "type": self.kind, "title": self.title, "description": self.about,
                "datasource": SOURCE, "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height()},
                "targets": targets, "fieldConfig": {"defaults": self.defaults(), "overrides": []},
                "options": self.options()}


def stat(title, unit, query, **more):
    return Panel(title, unit, (query, ""), kind="stat", width=4, **more)


def quantiles(buckets):
    return [("histogram_quantile(" + share + ", sum by (le) (rate(" + buckets + "{r})))", name)
            for share, name in (("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99"), ("0.999", "p99.9"))]


OVERVIEW = ("henge-overview", "Henge: overview", [
    ("At a glance", [
        stat("Nodes up", "short", "sum(up{{i}})"),
        stat("Commands a second", "ops", "sum(rate(redis_commands_processed_total{{i}}{r}))"),
        stat("Hits among look-ups", "percentunit",
             "sum(rate(redis_keyspace_hits_total{{i}}{r})) / (sum(rate(redis_keyspace_hits_total{{i}}{r}))"
             " + sum(rate(redis_keyspace_misses_total{{i}}{r})))", most=1),
        stat("Clients", "short", "sum(redis_connected_clients{{i}})"),
        stat("Memory used", "bytes", "sum(redis_memory_used_bytes{{i}})"),
        stat("Keys", "short", 'sum(redis_db_keys{{i}} and on (instance) redis_instance_info{{i},role="master"})'),
    ]),
    ("Throughput", [
        Panel("Commands a second, by command", "ops",
              ("sum by (cmd) (rate(redis_commands_total{{i}}{r}))", "{{cmd}}"), stacked=True),
        Panel("Commands a second, by node", "ops",
              ("sum by (instance) (rate(redis_commands_processed_total{{i}}{r}))", "{{instance}}"), stacked=True),
        Panel("Hits among look-ups", "percentunit",
              ("sum by (instance) (rate(redis_keyspace_hits_total{{i}}{r}))"
               " / (sum by (instance) (rate(redis_keyspace_hits_total{{i}}{r}))"
               " + sum by (instance) (rate(redis_keyspace_misses_total{{i}}{r})))", "{{instance}}"), most=1),
        Panel("Network", "Bps", ("sum(rate(redis_net_input_bytes_total{{i}}{r}))", "in"),
              ("sum(rate(redis_net_output_bytes_total{{i}}{r}))", "out")),
        Panel("Errors a second", "ops", ("sum by (err) (rate(redis_errors_total{{i}}{r}))", "{{err}}")),
        Panel("Slow commands", "short",
              ("sum by (instance) (increase(redis_slowlog_last_id{{i}}{r}))", "{{instance}}"),
              about="New entries of the slow log."),
    ]),
    ("Latency, as the server sees it", [
        Panel("All commands", "µs", *quantiles("redis_commands_latencies_usec_bucket{{i}}"),
              about="Buckets are powers of two: a quantile may be shown up to twice too high."),
        Panel("Half of the calls take at most", "s", ('cmd:henge_latency_seconds:p50{job="henge"}', "{{cmd}}")),
        Panel("9 of 10", "s", ('cmd:henge_latency_seconds:p90{job="henge"}', "{{cmd}}")),
        Panel("99 of 100", "s", ('cmd:henge_latency_seconds:p99{job="henge"}', "{{cmd}}")),
        Panel("999 of 1000", "s", ('cmd:henge_latency_seconds:p999{job="henge"}', "{{cmd}}")),
        Panel("In the mean", "s",
              ("sum by (cmd) (rate(redis_commands_duration_seconds_total{{i}}{r}))"
               " / sum by (cmd) (rate(redis_commands_total{{i}}{r}))", "{{cmd}}")),
    ]),
    ("Memory and keys", [
        Panel("Memory", "bytes", ("sum(redis_memory_used_bytes{{i}})", "used"),
              ("sum(redis_memory_used_dataset_bytes{{i}})", "of these, data"),
              ("sum(redis_memory_used_rss_bytes{{i}})", "resident"),
              ("sum(redis_memory_max_bytes{{i}})", "maxmemory")),
        Panel("Keys", "short", ("sum by (db) (redis_db_keys{{i}} > 0)", "{{db}}"),
              ("sum(redis_db_keys_expiring{{i}})", "with a deadline"), about="Followers' copies count, too."),
        Panel("Keys deleted a second", "ops", ("sum(rate(redis_expired_keys_total{{i}}{r}))", "expired"),
              ("sum(rate(redis_evicted_keys_total{{i}}{r}))", "evicted")),
    ]),
    ("Clients", [
        Panel("Clients", "short", ("sum(redis_connected_clients{{i}})", "connected"),
              ("sum(redis_blocked_clients{{i}})", "blocked")),
        Panel("New connections a second", "ops", ("sum(rate(redis_connections_received_total{{i}}{r}))", "accepted"),
              ("sum(rate(redis_rejected_connections_total{{i}}{r}))", "refused")),
        Panel("Clients closed for their buffers", "short",
              ("sum(increase(redis_client_query_buffer_limit_disconnections_total{{i}}{r}))", "query buffer"),
              ("sum(increase(redis_client_output_buffer_limit_disconnections_total{{i}}{r}))", "output buffer"),
              ("sum(increase(redis_evicted_clients_total{{i}}{r}))", "maxmemory-clients")),
    ]),
])

REPLICATION = ("henge-replication", "Henge: replication and failover", [
    ("Who leads", [
        Panel("Leads its group", "short", ("henge_group_leads{{i}}", "{{instance}}"), kind="state-timeline", width=12),
        Panel("On the side of the majority", "short", ("henge_cluster_in_touch{{i}}", "{{instance}}"),
              kind="state-timeline", width=12),
        Panel("Leaders of each group", "short", ('group:henge_leaders:sum{job="henge"}', "{{group}}"),
              about="0 for longer than a failover: nobody takes its writes."),
        Panel("Changes of leaders", "short", ("max by (group) (henge_group_epoch{{i}})", "{{group}}")),
        Panel("Followers in sync", "short", ("henge_insync_followers{{i}}", "{{instance}}")),
    ]),
    ("How far followers are", [
        Panel("Not yet acknowledged", "bytes", ("henge_follower_lag_bytes{{i}}", "{{instance}} → {{address}}:{{port}}")),
        Panel("Since a follower's last word", "s",
              ("redis_connected_slave_lag_seconds{{i}}", "{{instance}} → {{slave_ip}}:{{slave_port}}")),
        Panel("Link to the leader", "short", ("min by (instance) (redis_master_link_up{{i}})", "{{instance}}"),
              kind="state-timeline"),
        Panel("Stream of effects", "Bps", ("rate(henge_journal_bytes_total{{i}}{r})", "{{instance}}"),
              about="What a leader sends to each follower, and a follower has from its leader."),
        Panel("Followers connected", "short", ("redis_connected_slaves{{i}}", "{{instance}}")),
        Panel("Full syncs given", "short", ("redis_replica_resyncs_full{{i}}", "{{instance}}")),
    ]),
    ("What writes wait for", [
        Panel("Followers (write-concern insync)", "s",
              *quantiles('henge_commit_wait_seconds_bucket{{i},until="followers"}')),
        Panel("Followers, by node: 99 of 100", "s",
              ('instance:henge_commit_wait_seconds:p99{{i},until="followers"}', "{{instance}}")),
        Panel("Discarded writes of former leaders", "bytes",
              ("henge_replication_discarded_bytes_total{{i}}", "{{instance}}"),
              about="Never acknowledged under write-concern insync; kept in files beside the data."),
    ]),
    ("Cluster", [
        Panel("State", "short", ("redis_cluster_state{{i}}", "{{instance}}"), kind="state-timeline"),
        Panel("Slots", "short", ("max(redis_cluster_slots_assigned{{i}})", "assigned"),
              ("min(redis_cluster_slots_ok{{i}})", "served"), ("max(redis_cluster_slots_fail{{i}})", "of failed nodes")),
        Panel("Moving slots", "short", ("sum(henge_slot_migrations_active{{i}})", "migrations under way"),
              ("sum(henge_slots_moved_total{{i}})", "slots moved so far")),
    ]),
])

NODE = ("henge-node", "Henge: one node", [
    ("What it is", [
        stat("Up for", "s", "min(redis_uptime_in_seconds{{i}})"),
        stat("Commands a second", "ops", "sum(rate(redis_commands_processed_total{{i}}{r}))"),
        stat("Clients", "short", "sum(redis_connected_clients{{i}})"),
        stat("Memory used", "bytes", "sum(redis_memory_used_bytes{{i}})"),
        stat("CPU", "percentunit",
             "sum(rate(redis_cpu_user_seconds_total{{i}}{r})) + sum(rate(redis_cpu_sys_seconds_total{{i}}{r}))"),
        stat("Changes since the last snapshot", "short", "sum(redis_rdb_changes_since_last_save{{i}})"),
    ]),
    ("Workers", [
        Panel("Load", "percentunit", ("rate(henge_worker_busy_seconds_total{{i}}{r})", "{{instance}} {{worker}}"), most=1),
        Panel("Commands a second", "ops", ("rate(henge_worker_commands_total{{i}}{r})", "{{instance}} {{worker}}")),
        Panel("Connections", "short", ("henge_worker_connections{{i}}", "{{instance}} {{worker}}")),
    ]),
    ("Memory", [
        Panel("Memory", "bytes", ("sum(redis_memory_used_bytes{{i}})", "used"),
              ("sum(redis_memory_used_dataset_bytes{{i}})", "of these, data"),
              ("sum(henge_table_bytes{{i}})", "hash tables"), ("sum(henge_journal_memory_bytes{{i}})", "journal"),
              ("sum(redis_mem_clients_normal{{i}})", "clients"), ("sum(redis_memory_used_rss_bytes{{i}})", "resident")),
        Panel("Load of the hash tables", "percentunit",
              ("sum by (instance) (redis_db_keys{{i}}) / sum by (instance) (henge_table_places{{i}})", "{{instance}}"),
              most=1),
        Panel("Values waiting to be freed", "short", ("henge_reclaimer_pending_objects{{i}}", "{{instance}}")),
        Panel("Keys deleted a second", "ops", ("sum(rate(redis_expired_keys_total{{i}}{r}))", "expired"),
              ("sum(rate(redis_evicted_keys_total{{i}}{r}))", "evicted")),
        Panel("Lateness of expiry", "s", *quantiles("henge_expiry_lag_seconds_bucket{{i}}"),
              ("max(henge_expiry_backlog_seconds{{i}})", "oldest now")),
        Panel("Fragmentation", "short", ("redis_mem_fragmentation_ratio{{i}}", "{{instance}}")),
    ]),
    ("Disk", [
        Panel("Sync of the append-only file", "s", *quantiles("henge_aof_sync_seconds_bucket{{i}}")),
        Panel("Writes wait for the disk (appendfsync always)", "s",
              *quantiles('henge_commit_wait_seconds_bucket{{i},until="disk"}')),
        Panel("Writes held back: the disk is too far behind", "s",
              ("rate(henge_journal_stall_seconds_total{{i}}{r})", "{{instance}}"),
              about="Seconds of clients' waiting, each second."),
        Panel("Append-only file", "bytes", ("redis_aof_current_size_bytes{{i}}", "{{instance}}"),
              ("redis_aof_buffer_length{{i}}", "{{instance}}, to be written")),
        Panel("Last write and last snapshot succeeded", "short", ("redis_aof_last_write_status{{i}}", "{{instance}} log"),
              ("redis_rdb_last_bgsave_status{{i}}", "{{instance}} snapshot"), kind="state-timeline"),
        Panel("Lost lines of the log", "short",
              ("sum by (instance) (increase(henge_log_lines_dropped_total{{i}}{r}))", "{{instance}}")),
    ]),
])

DASHBOARDS = (OVERVIEW, REPLICATION, NODE)


def variables(several):
    return [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0,
             "refresh": 1},
            {"name": "instance", "label": "Node", "type": "query", "datasource": SOURCE,
             "definition": 'label_values(redis_up{job="henge"}, instance)',
             "query": {"query": 'label_values(redis_up{job="henge"}, instance)', "refId": "instances"},
             "refresh": 2, "sort": 1, "multi": several, "includeAll": True, "allValue": ".*",
             "current": {"text": "All", "value": "$__all"}, "hide": 0}]


def panels(rows):
    """Rows below each other; panels from left to right as long as there is room."""
    made, y = [], 0
    for title, members in rows:
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False,
                     "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}, "panels": []})
        y, x = y + 1, 0
        for panel in members:
            if x + panel.width > COLUMNS:
                x, y = 0, y + panel.height()
            made.append(panel.json(len(made) + 1, x, y))
            x += panel.width
        y += members[-1].height()
    return made


def dashboard(uid, title, rows):
    return {"uid": uid, "title": title, "tags": ["henge", "redis"], "timezone": "browser", "schemaVersion": 38,
            "version": 1, "editable": True, "graphTooltip": 1, "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"}, "templating": {"list": variables(uid != "henge-node")},
            "links": [{"type": "dashboards", "tags": ["henge"], "title": "Henge", "asDropdown": True,
                       "includeVars": True, "keepTime": True}],
            "panels": panels(rows)}


def main():
    stale = []
    for uid, title, rows in DASHBOARDS:
        path = os.path.join(FOLDER, uid + ".json")
        text = json.dumps(dashboard(uid, title, rows), indent=1, ensure_ascii=False) + "\n"
        if "--check" in sys.argv:
            with open(path, encoding="utf-8") as file:
                stale += [path] if file.read() != text else []
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    if stale:
        sys.exit("not what deploy/grafana/dashboards.py writes: " + ", ".join(stale))


if __name__ == "__main__":
    main()
