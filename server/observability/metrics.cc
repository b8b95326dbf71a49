// SPDX-License-Identifier: Apache-2.0
#include "server/observability/metrics.h"

#include <fmt/format.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "commands/cluster/handlers.h"
#include "commands/command_table.h"
#include "server/info/info.h"
#include "server/node.h"
#include "server/observability/henge_metrics.h"
#include "server/observability/metric_catalogue.h"
#include "server/observability/metric_families.h"
#include "server/totals.h"

namespace henge::server {
namespace {

constexpr double kMicro = 1e-6;
constexpr double kMilli = 1e-3;

// A field's value as a number: "ok" is 1, "fail" 0.
std::optional<double> NumberOf(std::string_view value) {
  if (value == "ok") return 1;
  if (value == "err" || value == "fail") return 0;
  return ParseDouble(value);
}

// INFO's default fields, and CLUSTER INFO's of a cluster's node.
StringMap<std::string> CollectFields(Node& node) {
  StringMap<std::string> fields;
  for (const InfoSection& section : CollectInfo(node, {"default"})) {
    for (const InfoField& field : section.fields.all()) fields[field.name] = field.value;
  }
  if (node.cluster() == nullptr) return fields;
  const std::string text = commands::ClusterInfoText(*node.cluster());
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find("\r\n"));
    left.remove_prefix(std::min(left.size(), line.size() + 2));
    const size_t colon = line.find(':');
    if (colon != line.npos) fields[line.substr(0, colon)] = line.substr(colon + 1);
  }
  return fields;
}

// "keys=1,expires=0": the value of a name in it, or nothing.
std::optional<std::string_view> PartOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const size_t equals = part.find('=');
    if (equals != part.npos && part.substr(0, equals) == name) return part.substr(equals + 1);
  }
  return std::nullopt;
}

double NumberIn(std::string_view text, std::string_view name) {
  const auto part = PartOf(text, name);
  return part ? ParseDouble(*part).value_or(0) : 0;
}

class Scrape {
 public:
  Scrape(Node& node, MetricFamilies& out) : node_(node), out_(out), fields_(CollectFields(node)) {}

  void Run() {
    out_.Add("redis_up", 1);
    Instance();
    FromInfo();
    Parameters();
    Keyspace();
    Replicas();
    Commands();
    Errors();
    Slowness();
  }

 private:
  const std::string& Field(std::string_view name) const {
    static const std::string kNone;
    const auto at = fields_.find(name);
    return at == fields_.end() ? kNone : at->second;
  }

  void FromInfo();
  void Instance();
  void Parameters();
  void Keyspace();
  void Replicas();
  void Commands();
  void Command(const std::string& name, const CommandTotals& totals);
  void Errors();
  void Slowness();

  Node& node_;
  MetricFamilies& out_;
  const StringMap<std::string> fields_;
};

void Scrape::FromInfo() {
  for (const Metric& metric : MetricCatalogue()) {
    if (metric.field.empty()) continue;
    if (const auto value = NumberOf(Field(metric.field))) out_.Add(metric, *value);
  }
}

void Scrape::Parameters() {
  out_.Add("redis_start_time_seconds", static_cast<double>(node_.started_at_us() / 1'000'000));
  const Settings& parameters = node_.parameters();
  out_.Add("redis_config_maxclients", static_cast<double>(parameters.maxclients.load()));
  out_.Add("redis_config_maxmemory", static_cast<double>(parameters.maxmemory.load()));
  out_.Add("redis_config_io_threads", static_cast<double>(node_.workers().size()));
}

void Scrape::Instance() {
  MetricFamilies::Labels labels;
  for (const char* name :
       {"role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy",
        "tcp_port", "run_id", "process_id", "master_replid"}) {
    labels.push_back({name, Field(name)});
  }
  out_.Add("redis_instance_info", 1, std::move(labels));
  if (Field("role") == "slave") {
    out_.Add("redis_slave_info", 1,
             {{"master_host", Field("master_host")},
              {"master_port", Field("master_port")},
              {"read_only", Field("slave_read_only")}});
  }
}

void Scrape::Keyspace() {
  for (DbIndex db = 0; db < node_.store().databases(); ++db) {
    const std::string name = fmt::format("db{}", db);
    const std::string& text = Field(name);
    const MetricFamilies::Labels labels = {{"db", name}};
    out_.Add("redis_db_keys", NumberIn(text, "keys"), labels);
    out_.Add("redis_db_keys_expiring", NumberIn(text, "expires"), labels);
    if (!text.empty()) {
      out_.Add("redis_db_avg_ttl_seconds", NumberIn(text, "avg_ttl") * kMilli, labels);
    }
  }
}

void Scrape::Replicas() {
  for (size_t i = 0; !Field(fmt::format("slave{}", i)).empty(); ++i) {
    const std::string& text = Field(fmt::format("slave{}", i));
    const auto part = [&](std::string_view name) {
      return std::string(PartOf(text, name).value_or(""));
    };
    const MetricFamilies::Labels labels = {
        {"slave_ip", part("ip")}, {"slave_port", part("port")}, {"slave_state", part("state")}};
    out_.Add("redis_connected_slave_offset_bytes", NumberIn(text, "offset"), labels);
    out_.Add("redis_connected_slave_lag_seconds", NumberIn(text, "lag"), labels);
  }
  if (Field("role") != "slave") return;
  const MetricFamilies::Labels master = {{"master_host", Field("master_host")},
                                         {"master_port", Field("master_port")}};
  out_.Add("redis_master_link_up", Field("master_link_status") == "up" ? 1 : 0, master);
  for (const char* field :
       {"master_last_io_seconds_ago", "master_sync_in_progress", "slave_repl_offset"}) {
    out_.Add(fmt::format("redis_{}", field), NumberOf(Field(field)).value_or(0), master);
  }
}

void Scrape::Commands() {
  for (const commands::CommandInfo& info : commands::CommandTable::Get().all()) {
    const CommandTotals totals = SumCommand(node_, info.index);
    if (totals.calls == 0 && totals.rejected == 0 && totals.failed == 0) continue;
    Command(info.full_name, totals);
  }
}

void Scrape::Command(const std::string& name, const CommandTotals& totals) {
  const MetricFamilies::Labels labels = {{"cmd", name}};
  const auto seconds = static_cast<double>(totals.micros) * kMicro;
  out_.Add("redis_commands_total", static_cast<double>(totals.calls), labels);
  out_.Add("redis_commands_duration_seconds_total", seconds, labels);
  out_.Add("redis_commands_rejected_calls_total", static_cast<double>(totals.rejected), labels);
  out_.Add("redis_commands_failed_calls_total", static_cast<double>(totals.failed), labels);
  if (totals.calls == 0) return;
  std::vector<double> bounds;
  for (size_t i = 0; i + 1 < kLatencyBuckets; ++i) {
    bounds.push_back(static_cast<double>((uint64_t{1} << i) - 1));
  }
  out_.AddHistogram("redis_commands_latencies_usec", bounds,
                    {totals.latency.begin(), totals.latency.end()},
                    static_cast<double>(totals.micros), labels);
  for (const double percent : {50.0, 99.0, 99.9}) {
    out_.Add("redis_latency_percentiles_usec", totals.Percentile(percent),
             {{"cmd", name}, {"quantile", FormatDouble(percent)}});
  }
}

void Scrape::Errors() {
  for (const auto& [code, count] : node_.server_stats().errors.Sorted()) {
    out_.Add("redis_errors_total", static_cast<double>(count), {{"err", code}});
  }
}

void Scrape::Slowness() {
  out_.Add("redis_slowlog_length", static_cast<double>(node_.slowlog().size()));
  const auto newest = node_.slowlog().Newest(1);
  out_.Add("redis_slowlog_last_id", newest.empty() ? 0 : static_cast<double>(newest[0].id));
  out_.Add("redis_last_slow_execution_duration_seconds",
           newest.empty() ? 0 : static_cast<double>(newest[0].micros) * kMicro);
  for (const commands::LatencySeries& series : node_.latency().All()) {
    if (series.samples.empty()) continue;
    const MetricFamilies::Labels labels = {{"event_name", series.event}};
    const commands::LatencySample& last = series.samples.back();
    out_.Add("redis_latency_spike_last", static_cast<double>(last.unix_seconds), labels);
    out_.Add("redis_latency_spike_duration_seconds", static_cast<double>(last.ms) * kMilli, labels);
  }
  out_.Add("redis_latest_fork_seconds", 0);
}

}  // namespace

std::vector<prometheus::MetricFamily> NodeMetrics::Collect() const {
  MetricFamilies families;
  Scrape(node_, families).Run();
  CollectHengeMetrics(node_, families);
  return families.Take();
}

std::string NodeMetrics::Text() const { return prometheus::TextSerializer().Serialize(Collect()); }

}  // namespace henge::server
