// SPDX-License-Identifier: Apache-2.0
#include "server/persistence/dataset_loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "commands/scripting/library_registry.h"
#include "commands/scripting/script_host.h"
#include "persistence/file.h"
#include "server/cluster/position_file.h"
#include "server/node.h"
#include "server/persistence/aof_loader.h"
#include "store/aside.h"
#include "store/unheard.h"

namespace henge::server {

using persistence::PosixFileSystem;

namespace {

absl::Status Annotated(std::string_view where, const absl::Status& status) {
  return {status.code(), fmt::format("{}: {}", where, Std(status.message()))};
}

uint64_t Keys(store::Store& store) {
  uint64_t keys = 0;
  for (DbIndex db = 0; db < store.databases(); ++db) keys += store.KeyCount(db);
  return keys;
}

}  // namespace

absl::Status LoadLibraries(Node& node, const persistence::RdbLoaded& loaded,
                           const store::LockSet* held, bool replace) {
  EffectApplier applier(node, held);
  for (const std::string& code : loaded.functions) {
    std::vector<std::string_view> words = {"FUNCTION", "LOAD"};
    if (replace) words.emplace_back("REPLACE");
    words.emplace_back(code);
    if (absl::Status status = applier.Apply(words); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void ReportLeftOut(const persistence::RdbLoaded& loaded,
                   const persistence::LoadProgress& progress) {
  for (const std::string& what : loaded.skipped) {
    LogWarning("Left out while loading", {{"what", what}});
  }
  if (const uint64_t empty = progress.empty.load(); empty > 0) {
    LogWarning(
        fmt::format("Collections without elements were left out; empty keys skipped: {}", empty));
  }
}

persistence::RdbLoadOptions DatasetLoader::Options() const {
  const Settings& settings = node_.parameters();
  persistence::RdbLoadOptions options;
  options.parser.verify_checksum = settings.rdbchecksum.load();
  options.parser.databases = node_.store().databases();
  options.threads = std::max<int>(1, static_cast<int>(std::thread::hardware_concurrency()));
  options.now = SystemClock().NowMillis();
  options.drop_expired = !node_.store().settings().keep_expired.load();
  options.cancelled = &stopped_;
  options.key_delay_us = std::max<int64_t>(0, settings.key_load_delay.load());
  return options;
}

bool DatasetLoader::IsAnythingThere() const {
  const Settings& settings = node_.parameters();
  const auto there = [](const std::string& path) {
    const auto exists = persistence::FileExists(PosixFileSystem(), path);
    return !exists.ok() || *exists;  // What can't be told is an error when it is read.
  };
  const std::string manifest = persistence::ManifestName(settings.appendfilename.load());
  return there(settings.dbfilename.load()) ||
         (settings.appendonly.load() &&
          (there(settings.appendfilename.load()) ||
           there(persistence::JoinPath(settings.appenddirname.load(), manifest))));
}

absl::Status DatasetLoader::Start() {
  if (!IsAnythingThere()) return LoadAll();
  started_.store(SystemClock().NowMillis());
  loading_.store(true);
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void DatasetLoader::Stop() {
  stopped_.store(true);
  if (thread_.joinable()) thread_.join();
}

void DatasetLoader::Run() {
  const ThreadMemory memory;
  const absl::Status status = LoadAll();
  if (!status.ok() && stopped()) return LogNotice("Loading was given up: the server ends");
  if (!status.ok()) {
    LogError("Fatal error loading the DB, check server logs. Exiting.",
             {{"error", Std(status.message())}});
    node_.shutdown().Request({.reason = "what is on disk can't be loaded", .exit_code = 1});
    return;
  }
  node_.saver().NoteLoaded();
  loading_.store(false);
}

absl::Status DatasetLoader::LoadAll() {
  const Settings& settings = node_.parameters();
  const int64_t begin = SystemClock().MonotonicMicros();
  persistence::AofFiles files(PosixFileSystem(), settings.appenddirname.load(),
                              settings.appendfilename.load());
  const bool append_only = settings.appendonly.load();
  bool found = false;
  std::optional<SavedPosition> position;
  std::vector<persistence::ExpiredKey> expired;
  if (append_only) {
    absl::Status status = PosixFileSystem().MakeDirectory(files.directory());
    if (status.ok()) status = files.Load();
    if (status.ok()) status = files.AdoptOldFile(settings.appendfilename.load()).status();
    if (!status.ok()) return status;
    found = !files.manifest().Loaded().empty();
    const persistence::RdbLoadOptions options = Options();
    AofLoader loader(node_, options, progress_);
    if (found) status = loader.Load(files);
    if (!status.ok()) return status;
    const bool governed = node_.replication().governed();
    position = loader.closing_position();
    if (!position && governed) position = loader.running_position();
    // Without a control plane nobody says what is appended behind.
    if (!governed && loader.running_position()) node_.journaling().places().Put(0, {});
    expired = loader.expired();
  }
  const std::string rdb = settings.dbfilename.load();
  if (!found) {
    const auto exists = persistence::FileExists(PosixFileSystem(), rdb);
    found = !exists.ok() || *exists;  // What can't be told is an error when it is read.
    if (found) {
      auto loaded = LoadRdbFile(rdb);
      if (!loaded.ok()) {
        LogError("Terminating server after rdb file reading failure.",
                 {{"error", Std(loaded.status().message())}});
        return loaded.status();
      }
      position = ReadPosition(loaded->aux);
      expired = std::move(loaded->expired);
    }
  }
  if (found) {
    const double seconds = static_cast<double>(SystemClock().MonotonicMicros() - begin) / 1e6;
    LogNotice("DB loaded from disk", {{"seconds", seconds},
                                      {"keys", Keys(node_.store())},
                                      {"expired", progress_.expired.load()}});
  }
  absl::Status status;
  if (append_only) {
    files.RemoveLeftovers();
    status = node_.journaling().Start(std::move(files));
  }
  if (status.ok() && position) node_.replication().Resume(*position, expired);
  if (status.ok() && append_only && !position && node_.replication().governed()) {
    const auto least = ReadPositionFile(PositionFileIn(settings.appenddirname.load()));
    if (least && found) node_.replication().NoteAtLeast(*least);
  }
  if (status.ok()) node_.replication().NoteLoaded(found);
  return status;
}

absl::StatusOr<persistence::RdbLoaded> DatasetLoader::LoadKeys(const std::string& path,
                                                               store::Store& into) {
  const auto contents = PosixFileSystem().Read(path);
  if (!contents.ok()) return contents.status();
  const std::string_view bytes = (*contents)->bytes();
  progress_.total_bytes.fetch_add(bytes.size());
  LogNotice("Loading RDB", {{"file", path}, {"bytes", bytes.size()}});
  auto loaded = persistence::LoadRdb(bytes, into, Options(), progress_);
  if (!loaded.ok()) return Annotated(path, loaded.status());
  ReportLeftOut(*loaded, progress_);
  return loaded;
}

absl::StatusOr<persistence::RdbLoaded> DatasetLoader::LoadRdbFile(const std::string& path) {
  auto loaded = LoadKeys(path, node_.store());
  if (!loaded.ok()) return loaded;
  if (absl::Status status = LoadLibraries(node_, *loaded, nullptr, true); !status.ok())
    return status;
  return loaded;
}

absl::StatusOr<persistence::RdbLoaded> DatasetLoader::Replace(const std::string& path) {
  progress_.Reset();
  started_.store(SystemClock().NowMillis());
  loading_.store(true);
  FlushAll();
  const int64_t begin = SystemClock().MonotonicMicros();
  auto loaded = LoadRdbFile(path);
  if (!loaded.ok()) {
    FlushAll();  // A part of the data is worse than none.
    return loaded;
  }
  const double seconds = static_cast<double>(SystemClock().MonotonicMicros() - begin) / 1e6;
  LogNotice("Done loading RDB", {{"seconds", seconds}, {"keys", Keys(node_.store())}});
  node_.saver().NoteLoaded();
  return loaded;
}

void DatasetLoader::EndReplacing() { loading_.store(false); }

absl::StatusOr<persistence::RdbLoaded> DatasetLoader::LoadAside(
    const std::string& path, std::unique_ptr<store::Store>& aside) {
  progress_.Reset();
  started_.store(SystemClock().NowMillis());
  const int64_t begin = SystemClock().MonotonicMicros();
  aside = store::MakeAlike(node_.store());
  auto loaded = LoadKeys(path, *aside);
  if (!loaded.ok()) return loaded;
  const double seconds = static_cast<double>(SystemClock().MonotonicMicros() - begin) / 1e6;
  LogNotice("Done loading RDB", {{"seconds", seconds}, {"keys", Keys(*aside)}});
  return loaded;
}

absl::Status DatasetLoader::TakeAside(const store::LockSet& held, store::Store& aside,
                                      const persistence::RdbLoaded& loaded) {
  store::Unheard unheard;
  store::ReplaceContents(node_.store(), held, aside, SystemClock().NowMillis(), unheard);
  node_.services().scripting().libraries().Flush();
  node_.tracking().OnFlush(pubsub::Exchange::kNoWorker);
  node_.saver().NoteLoaded();
  return LoadLibraries(node_, loaded, &held, /*replace=*/true);
}

void DatasetLoader::FlushAll() {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  store::Unheard unheard;
  store::Store& store = node_.store();
  store::Keyspace(store, locks, unheard, 0, SystemClock().NowMillis())
      .FlushDatabases(0, static_cast<DbIndex>(store.databases() - 1), store::FlushMode::kLazy);
  node_.services().scripting().libraries().Flush();
  node_.tracking().OnFlush(pubsub::Exchange::kNoWorker);
}

absl::Status DatasetLoader::LoadLocked(const store::LockSet& held, bool merge) {
  const auto contents = PosixFileSystem().Read(node_.parameters().dbfilename.load());
  if (!contents.ok()) return contents.status();
  persistence::RdbLoadOptions options = Options();
  options.threads = 0;
  options.held = &held;
  options.replace = merge;
  persistence::LoadProgress progress;
  const auto loaded = persistence::LoadRdb((*contents)->bytes(), node_.store(), options, progress);
  return loaded.ok() ? LoadLibraries(node_, *loaded, &held, merge) : loaded.status();
}

absl::Status DatasetLoader::LoadAofLocked(const store::LockSet& held) {
  const Settings& settings = node_.parameters();
  persistence::AofFiles files(PosixFileSystem(), settings.appenddirname.load(),
                              settings.appendfilename.load());
  if (absl::Status status = files.Load(); !status.ok()) return status;
  persistence::RdbLoadOptions options = Options();
  options.threads = 0;
  options.held = &held;
  persistence::LoadProgress progress;
  return AofLoader(node_, options, progress).Load(files);
}

}  // namespace henge::server
