// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/dataset_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "persistence/file.h"
#include "server/node.h"

namespace henge::server {

using persistence::PosixFileSystem;

persistence::RdbLoadOptions DatasetLoader::Options() const {
  const Settings& settings = node_.parameters();
  persistence::RdbLoadOptions options;
  options.parser.verify_checksum = settings.rdbchecksum.load();
  options.parser.databases = node_.store().databases();
  options.threads = std::max<int>(1, static_cast<int>(std::thread::hardware_concurrency()));
  options.now = SystemClock().NowMillis();
  options.drop_expired = !node_.store().settings().keep_expired.load();
  options.key_delay_us = std::max<int64_t>(0, settings.key_load_delay.load());
  return options;
}

void DatasetLoader::Start() {
  const std::string path = node_.parameters().dbfilename.load();
  const auto exists = persistence::FileExists(PosixFileSystem(), path);
  if (exists.ok() && !*exists) return;
  started_.store(SystemClock().NowMillis());
  loading_.store(true);
  thread_ = std::thread([this, path] { Run(path); });
}

void DatasetLoader::Run(const std::string& path) {
  const ThreadMemory memory;
  const int64_t begin = SystemClock().MonotonicMicros();
  absl::Status status;
  const auto contents = PosixFileSystem().Read(path);
  if (contents.ok()) {
    const std::string_view bytes = (*contents)->bytes();
    progress_.total_bytes.store(bytes.size());
    LogNotice("Loading RDB", {{"file", path}, {"bytes", bytes.size()}});
    const auto loaded = persistence::LoadRdb(bytes, node_.store(), Options(), progress_);
    status = loaded.status();
    if (loaded.ok()) {
      for (const std::string& what : loaded->skipped) {
        LogWarning("Left out while loading", {{"what", what}});
      }
    }
  } else {
    status = contents.status();
  }
  if (!status.ok()) {
    LogError("Fatal error loading the DB, check server logs. Exiting.",
             {{"file", path}, {"error", Std(status.message())}});
    node_.shutdown().Request({.reason = "what is on disk can't be loaded", .exit_code = 1});
    return;
  }
  node_.saver().NoteLoaded();
  LogNotice("DB loaded from disk",
            {{"seconds", static_cast<double>(SystemClock().MonotonicMicros() - begin) / 1e6},
             {"keys", progress_.keys.load()},
             {"expired", progress_.expired.load()}});
  loading_.store(false);
}

absl::Status DatasetLoader::LoadLocked(const store::LockSet& held, bool merge) {
  const auto contents = PosixFileSystem().Read(node_.parameters().dbfilename.load());
  if (!contents.ok()) return contents.status();
  persistence::RdbLoadOptions options = Options();
  options.threads = 0;
  options.held = &held;
  options.replace = merge;
  persistence::LoadProgress progress;
  return persistence::LoadRdb((*contents)->bytes(), node_.store(), options, progress).status();
}

}  // namespace henge::server
