// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/progress_log.h"

#include <string_view>

#include "base/log.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr int64_t kLeastMs = 1000;
constexpr int64_t kMostMs = 5000;
constexpr int kStep = 10;

void SayOfSnapshot(std::string_view what, bool running,
                   const persistence::SnapshotProgress& progress, UnixMillis now,
                   ProgressPace& pace) {
  if (!running) return pace.Reset();
  const auto percent = pace.Next(now, progress.saved, progress.keys);
  if (!percent) return;
  LogNotice(what, {{"percent", *percent},
                   {"keys", progress.saved},
                   {"of", progress.keys},
                   {"bytes", progress.bytes}});
}

}  // namespace

std::optional<int> ProgressPace::Next(UnixMillis now, uint64_t done, uint64_t total) {
  if (said_at_ == 0) {
    said_at_ = now;
    said_ = 0;
    return std::nullopt;
  }
  const double share = total == 0 ? 0.0 : static_cast<double>(done) / static_cast<double>(total);
  const int percent = static_cast<int>(100 * share);
  const int64_t passed = now - said_at_;
  const bool tenth = percent / kStep > said_ / kStep;
  if (passed < kLeastMs || (!tenth && passed < kMostMs)) return std::nullopt;
  said_at_ = now;
  said_ = percent;
  return percent;
}

void ProgressLog::Tick(Node& node, UnixMillis now) {
  const DatasetLoader& loader = node.loader();
  if (loader.loading()) {
    const persistence::LoadProgress& progress = loader.progress();
    const uint64_t bytes = progress.bytes.load();
    const uint64_t total = progress.total_bytes.load();
    if (const auto percent = loading_.Next(now, bytes, total)) {
      LogNotice(
          "Loading goes on",
          {{"percent", *percent}, {"bytes", bytes}, {"of", total}, {"keys", progress.keys.load()}});
    }
  } else {
    loading_.Reset();
  }
  const Saver::Report save = node.saver().report();
  SayOfSnapshot("Background saving goes on", save.running, save.progress, now, saving_);
  const Journaling::Report aof = node.journaling().report();
  SayOfSnapshot("Background append only file rewriting goes on", aof.rewriting, aof.progress, now,
                rewriting_);
}

}  // namespace henge::server
