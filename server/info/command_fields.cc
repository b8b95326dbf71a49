// SPDX-License-Identifier: Apache-2.0
// INFO commandstats, errorstats and latencystats.
#include "base/numbers.h"
#include "commands/command_table.h"
#include "server/config/structured.h"
#include "server/info/sections.h"
#include "server/node.h"
#include "server/totals.h"

namespace henge::server {

void CommandFields(Node& node, InfoFields& out) {
  for (const commands::CommandInfo& info : commands::CommandTable::Get().all()) {
    const CommandTotals t = SumCommand(node, info.index);
    if (t.calls == 0 && t.rejected == 0 && t.failed == 0) continue;
    const double per_call =
        t.calls == 0 ? 0 : static_cast<double>(t.micros) / static_cast<double>(t.calls);
    out("cmdstat_" + info.full_name,
        fmt::format("calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}",
                    t.calls, t.micros, per_call, t.rejected, t.failed));
  }
}

void ErrorFields(Node& node, InfoFields& out) {
  for (const auto& [code, count] : node.server_stats().errors.Sorted()) {
    out("errorstat_" + code, fmt::format("count={}", count));
  }
}

void LatencyFields(Node& node, InfoFields& out) {
  std::vector<double> percentiles;
  for (const std::string& word :
       SplitWords(node.parameters().latency_tracking_info_percentiles.load())) {
    if (const auto percent = ParseDouble(word)) percentiles.push_back(*percent);
  }
  if (percentiles.empty() || !node.parameters().latency_tracking.load()) return;
  for (const commands::CommandInfo& info : commands::CommandTable::Get().all()) {
    const CommandTotals t = SumCommand(node, info.index);
    if (t.calls == 0) continue;
    std::string text;
    for (const double percent : percentiles) {
      if (!text.empty()) text += ',';
      text += fmt::format("p{}={:.3f}", FormatDouble(percent), t.Percentile(percent));
    }
    out("latency_percentiles_usec_" + info.full_name, text);
  }
}

}  // namespace henge::server
