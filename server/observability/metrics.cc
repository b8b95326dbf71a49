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
#include "server/observability/metric_families.h"
#include "server/observability/metric_names.h"
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

StringMap<std::string> FieldsByName(const std::vector<InfoSection>& sections) {
  StringMap<std::string> fields;
  for (const InfoSection& section : sections) {
    for (const InfoField& field : section.fields.all()) fields[field.name] = field.value;
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
  Scrape(Node& node, MetricFamilies& out)
      : node_(node),
        out_(out),
        sections_(CollectInfo(node, {"default"})),
        fields_(FieldsByName(sections_)) {}

  void Run() {
    out_.Gauge("redis_up", "Whether the server answers.", 1);
    FromInfo();
    Instance();
    Keyspace();
    Replicas();
    Commands();
    Errors();
    Slowlog();
    Cluster();
  }

 private:
  const std::string& Field(std::string_view name) const {
    static const std::string kNone;
    const auto at = fields_.find(name);
    return at == fields_.end() ? kNone : at->second;
  }

  void FromInfo();
  void Instance();
  void Keyspace();
  void Replicas();
  void Commands();
  void Command(const std::string& name, const CommandTotals& totals);
  void Errors();
  void Slowlog();
  void Cluster();

  Node& node_;
  MetricFamilies& out_;
  const std::vector<InfoSection> sections_;
  const StringMap<std::string> fields_;
};

void Scrape::FromInfo() {
  for (const MetricName& name : GaugeNames()) {
    if (const auto value = NumberOf(Field(name.field))) {
      out_.Gauge(fmt::format("redis_{}", name.metric), name.help, *value);
    }
  }
  for (const MetricName& name : CounterNames()) {
    if (const auto value = NumberOf(Field(name.field))) {
      out_.Counter(fmt::format("redis_{}", name.metric), name.help, *value);
    }
  }
  out_.Gauge("redis_start_time_seconds", "When the server started.",
             static_cast<double>(node_.started_at_us() / 1'000'000));
  out_.Gauge("redis_latest_fork_seconds", "Always 0: nothing forks.", 0);
}

void Scrape::Instance() {
  MetricFamilies::Labels labels;
  for (const char* name :
       {"role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy",
        "tcp_port", "run_id", "process_id", "master_replid"}) {
    labels.push_back({name, Field(name)});
  }
  out_.Gauge("redis_instance_info", "What this server is.", 1, std::move(labels));
  if (Field("role") == "slave") {
    out_.Gauge("redis_slave_info", "Whose replica this server is.", 1,
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
    out_.Gauge("redis_db_keys", "Keys.", NumberIn(text, "keys"), labels);
    out_.Gauge("redis_db_keys_expiring", "Keys that expire.", NumberIn(text, "expires"), labels);
    if (!text.empty()) {
      out_.Gauge("redis_db_avg_ttl_seconds", "Mean time to live of those, estimated.",
                 NumberIn(text, "avg_ttl") * kMilli, labels);
    }
  }
}

void Scrape::Replicas() {
  for (size_t i = 0; !Field(fmt::format("slave{}", i)).empty(); ++i) {
    const std::string& text = Field(fmt::format("slave{}", i));
    const MetricFamilies::Labels labels = {{"slave_ip", std::string(*PartOf(text, "ip"))},
                                           {"slave_port", std::string(*PartOf(text, "port"))},
                                           {"slave_state", std::string(*PartOf(text, "state"))}};
    out_.Gauge("redis_connected_slave_offset_bytes", "Offset a replica has confirmed.",
               NumberIn(text, "offset"), labels);
    out_.Gauge("redis_connected_slave_lag_seconds", "Seconds since a replica's last word.",
               NumberIn(text, "lag"), labels);
  }
  if (Field("role") != "slave") return;
  const MetricFamilies::Labels master = {{"master_host", Field("master_host")},
                                         {"master_port", Field("master_port")}};
  out_.Gauge("redis_master_link_up", "Whether the link to the primary is up.",
             Field("master_link_status") == "up" ? 1 : 0, master);
  const auto copy = [&](std::string_view field, std::string_view help) {
    out_.Gauge(fmt::format("redis_{}", field), help, NumberOf(Field(field)).value_or(0), master);
  };
  copy("master_last_io_seconds_ago", "Seconds since the primary's last word.");
  copy("master_sync_in_progress", "Whether a full sync is under way.");
  copy("slave_repl_offset", "Offset this replica has applied.");
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
  out_.Counter("redis_commands_total", "Calls.", static_cast<double>(totals.calls), labels);
  out_.Counter("redis_commands_duration_seconds_total", "Seconds spent in calls.", seconds, labels);
  out_.Counter("redis_commands_rejected_calls_total", "Calls refused before they ran.",
               static_cast<double>(totals.rejected), labels);
  out_.Counter("redis_commands_failed_calls_total", "Calls that answered an error.",
               static_cast<double>(totals.failed), labels);
  if (totals.calls == 0) return;
  std::vector<double> bounds;
  for (size_t i = 0; i + 1 < kLatencyBuckets; ++i) {
    bounds.push_back(static_cast<double>((uint64_t{1} << i) - 1));
  }
  out_.Histogram("redis_commands_latencies_usec", "Microseconds a call takes.", bounds,
                 {totals.latency.begin(), totals.latency.end()}, static_cast<double>(totals.micros),
                 labels);
  for (const double percent : {50.0, 99.0, 99.9}) {
    out_.Gauge("redis_latency_percentiles_usec", "Percentiles of that.", totals.Percentile(percent),
               {{"cmd", name}, {"quantile", FormatDouble(percent)}});
  }
}

void Scrape::Errors() {
  for (const auto& [code, count] : node_.server_stats().errors.Sorted()) {
    out_.Counter("redis_errors_total", "Errors answered, by their first word.",
                 static_cast<double>(count), {{"err", code}});
  }
}

void Scrape::Slowlog() {
  out_.Gauge("redis_slowlog_length", "Entries of the slow log.",
             static_cast<double>(node_.slowlog().size()));
  const auto newest = node_.slowlog().Newest(1);
  out_.Gauge("redis_slowlog_last_id", "Number of its newest entry.",
             newest.empty() ? 0 : static_cast<double>(newest[0].id));
  out_.Gauge("redis_last_slow_execution_duration_seconds", "Seconds that one took.",
             newest.empty() ? 0 : static_cast<double>(newest[0].micros) * kMicro);
}

void Scrape::Cluster() {
  if (node_.cluster() == nullptr) return;
  const std::string text = commands::ClusterInfoText(*node_.cluster());
  std::string_view left = text;
  while (!left.empty()) {
    const std::string_view line = left.substr(0, left.find("\r\n"));
    left.remove_prefix(std::min(left.size(), line.size() + 2));
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    std::string_view name = line.substr(0, colon);
    const auto value = NumberOf(line.substr(colon + 1));
    if (!value) continue;
    if (name == "cluster_stats_messages_sent") name = "cluster_messages_sent_total";
    if (name == "cluster_stats_messages_received") name = "cluster_messages_received_total";
    out_.Gauge(fmt::format("redis_{}", name), "As CLUSTER INFO has it.", *value);
  }
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
