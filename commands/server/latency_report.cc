// SPDX-License-Identifier: Apache-2.0
#include "commands/server/latency_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace henge::commands {
namespace {

constexpr size_t kGraphColumns = 80;
constexpr int kGraphLines = 4;
constexpr std::string_view kHeads = "_o#";  // A bar's head: a third, two thirds, all of its line.
constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

std::string Age(int64_t seconds) {
  if (seconds < kMinute) return fmt::format("{}s", seconds);
  if (seconds < kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < kDay) return fmt::format("{}h", seconds / kHour);
  return fmt::format("{}d", seconds / kDay);
}

struct Bar {
  int height;  // In thirds of a line, from 0.
  std::string label;
};

char CellOf(const Bar& bar, int line_from_below) {
  const int thirds = static_cast<int>(kHeads.size());
  const int head_line = bar.height / thirds;
  if (line_from_below < head_line) return '|';
  if (line_from_below > head_line) return ' ';
  return kHeads[static_cast<size_t>(bar.height % thirds)];
}

void AppendLine(std::string line, std::string& out) {
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + '\n';
}

void AppendStrip(const Bar* bars, size_t count, std::string& out) {
  for (int line = kGraphLines - 1; line >= 0; --line) {
    std::string cells;
    for (size_t i = 0; i < count; ++i) cells += CellOf(bars[i], line);
    AppendLine(std::move(cells), out);
  }
  out += '\n';
  size_t longest = 0;
  for (size_t i = 0; i < count; ++i) longest = std::max(longest, bars[i].label.size());
  for (size_t line = 0; line < longest; ++line) {
    std::string cells;
    for (size_t i = 0; i < count; ++i) {
      cells += line < bars[i].label.size() ? bars[i].label[line] : ' ';
    }
    AppendLine(std::move(cells), out);
  }
}

// What may be done about events of a kind; each piece of advice is given once.
struct Advice {
  std::string_view event;
  std::string_view text;
};
constexpr Advice kAdvice[] = {
    {"command",
     "- SLOWLOG GET shows which commands were slow. Commands that touch very many elements at once "
     "are better split, or replaced by their SCAN relatives.\n"},
    {"fast-command",
     "- Commands that do little were slow, so the server did not get the processor when it needed "
     "it. Look for other load on the machine, for a noisy neighbour in a virtual one, and at "
     "'redis-cli --intrinsic-latency 100'.\n"},
    {"expire-cycle",
     "- Very many keys expire at the same time. Spread their deadlines by a random part.\n"},
    {"eviction-cycle",
     "- Much has to be evicted at once. A lowered maxmemory, or large values that come in bursts, "
     "have this effect.\n"},
    {"aof-write",
     "- Writing the append-only file was slow. Keep it on a local disk that nobody else uses, an "
     "SSD if there is much to write.\n"},
    {"aof-fsync-always",
     "- appendfsync is 'always': every write waits for the disk. 'everysec' does not.\n"},
};

std::string AdviceFor(const LatencyPicture& picture) {
  std::string advice;
  const auto seen = [&](std::string_view event) {
    return std::any_of(picture.series.begin(), picture.series.end(),
                       [&](const LatencySeries& series) { return series.event == event; });
  };
  if (seen("command")) {
    const int64_t threshold_us = picture.threshold_ms * 1000;
    if (picture.slowlog_us < 0) {
      advice += fmt::format(
          "- The slow log is off. CONFIG SET slowlog-log-slower-than {} makes it show the commands "
          "that are counted here.\n",
          threshold_us);
    } else if (picture.slowlog_us > threshold_us) {
      advice += fmt::format(
          "- The slow log leaves out commands that are counted here. CONFIG SET "
          "slowlog-log-slower-than {} includes them.\n",
          threshold_us);
    }
  }
  for (const Advice& piece : kAdvice) {
    if (seen(piece.event)) advice += piece.text;
  }
  return advice;
}

}  // namespace

std::string LatencyGraphText(const LatencySeries& series, int64_t now_seconds) {
  int64_t low = series.samples.empty() ? 0 : series.samples.front().ms;
  int64_t high = low;
  for (const LatencySample& sample : series.samples) {
    low = std::min(low, sample.ms);
    high = std::max(high, sample.ms);
  }
  const int64_t top = kGraphLines * static_cast<int64_t>(kHeads.size()) - 1;
  std::vector<Bar> bars;
  for (const LatencySample& sample : series.samples) {
    const int64_t height = high == low ? 0 : (sample.ms - low) * top / (high - low);
    bars.push_back(
        {static_cast<int>(height), Age(std::max<int64_t>(0, now_seconds - sample.unix_seconds))});
  }
  std::string text =
      fmt::format("{} - high {} ms, low {} ms (all time high {} ms)\n{}\n", series.event, high, low,
                  series.max_ms, std::string(kGraphColumns, '-'));
  for (size_t at = 0; at < bars.size(); at += kGraphColumns) {
    AppendStrip(&bars[at], std::min(kGraphColumns, bars.size() - at), text);
  }
  return text;
}

LatencySpread SpreadOf(const LatencySeries& series, int64_t now_seconds) {
  LatencySpread spread;
  const auto count = static_cast<int64_t>(series.samples.size());
  if (count == 0) return spread;
  int64_t sum = 0;
  for (const LatencySample& sample : series.samples) sum += sample.ms;
  spread.average_ms = sum / count;
  int64_t deviation = 0;
  for (const LatencySample& sample : series.samples) {
    deviation += std::abs(sample.ms - spread.average_ms);
  }
  spread.mean_deviation_ms = deviation / count;
  const int64_t since = std::max<int64_t>(1, now_seconds - series.samples.front().unix_seconds);
  spread.period_seconds = static_cast<double>(since) / static_cast<double>(count);
  return spread;
}

std::string LatencyDoctorText(const LatencyPicture& picture, int64_t now_seconds) {
  if (picture.series.empty() && picture.threshold_ms == 0) {
    return "The latency monitor is off, so there is nothing to judge by. CONFIG SET "
           "latency-monitor-threshold <milliseconds> turns it on.\n";
  }
  if (picture.series.empty()) {
    return fmt::format("Nothing has taken {} ms or longer since the latency monitor is on.\n",
                       picture.threshold_ms);
  }
  std::string text = "These events took longer than they should:\n\n";
  size_t number = 0;
  for (const LatencySeries& series : picture.series) {
    const LatencySpread spread = SpreadOf(series, now_seconds);
    text += fmt::format(
        "{}. {}: {} latency spikes (average {}ms, mean deviation {}ms, period {:.2f} sec). Worst "
        "all time event {}ms.\n",
        ++number, series.event, series.samples.size(), spread.average_ms, spread.mean_deviation_ms,
        spread.period_seconds, series.max_ms);
  }
  const std::string advice = AdviceFor(picture);
  if (!advice.empty()) text += "\nWhat may help:\n\n" + advice;
  return text;
}

}  // namespace henge::commands
