// SPDX-License-Identifier: Apache-2.0
#include "persistence/load/rdb_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/memory.h"
#include "base/strings.h"
#include "persistence/rdb/value_reader.h"
#include "store/access_clock.h"
#include "store/keyspace.h"
#include "store/unheard.h"

namespace henge::persistence {
namespace {

constexpr size_t kBatchRecords = 256;
constexpr size_t kBatchBytes = 64 * 1024;
constexpr size_t kBatchesAhead = 4;         // For each thread.
constexpr size_t kSkippedTold = 1000;       // Of what is left out; the rest is only counted.
constexpr uint64_t kParseAtOnce = 1 << 20;  // Between reports of progress.

// A record whose key may have stood in the parser's scratch.
struct Record {
  DbIndex db;
  uint8_t type;
  std::string key;
  UnixMillis expiry;
  KeyUse use;
  std::string_view body;
  uint64_t offset;
};
using Batch = std::vector<Record>;

// Batches on their way from the parsing thread to the loading ones.
class BatchQueue {
 public:
  explicit BatchQueue(size_t limit) : limit_(limit) {}

  // False once a loading thread has failed.
  bool Push(Batch batch) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [this] { return batches_.size() < limit_ || !status_.ok(); });
    batches_.push_back(std::move(batch));
    changed_.notify_all();
    return status_.ok();
  }
  void Close() {
    const std::lock_guard lock(mu_);
    closed_ = true;
    changed_.notify_all();
  }
  // Empty at the end.
  Batch Pop() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [this] { return !batches_.empty() || closed_ || !status_.ok(); });
    if (batches_.empty() || !status_.ok()) return {};
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    return batch;
  }
  void Fail(absl::Status status) {
    const std::lock_guard lock(mu_);
    if (status_.ok()) status_ = std::move(status);
    changed_.notify_all();
  }
  absl::Status status() const {
    const std::lock_guard lock(mu_);
    return status_;
  }

 private:
  mutable std::mutex mu_;
  std::condition_variable changed_;
  size_t limit_;
  std::deque<Batch> batches_;
  bool closed_ = false;
  absl::Status status_;
};

class Loader final : public RdbVisitor {
 public:
  Loader(store::Store& store, const RdbLoadOptions& options, LoadProgress& progress)
      : store_(store),
        options_(options),
        progress_(progress),
        queue_(kBatchesAhead * static_cast<size_t>(options.threads)) {}

  absl::StatusOr<RdbLoaded> Run(std::string_view bytes);

 private:
  // --- The parsing thread ---
  void OnVersion(int version) override { loaded_.version = version; }
  void OnAux(std::string_view name, std::string_view value) override {
    loaded_.aux.emplace_back(name, value);
  }
  absl::Status OnFunction(std::string_view code) override {
    loaded_.functions.emplace_back(code);
    return absl::OkStatus();
  }
  absl::Status OnKey(const RdbKey& key) override;
  void OnSkipped(std::string_view what) override { Skip(std::string(what)); }
  absl::Status Parse(std::string_view bytes);
  bool Flush();

  // --- The loading threads ---
  void Load();
  absl::Status LoadOne(const Record& record);
  void Skip(std::string what) {
    const std::lock_guard lock(mu_);
    if (loaded_.skipped.size() < kSkippedTold) loaded_.skipped.push_back(std::move(what));
  }

  store::Store& store_;
  const RdbLoadOptions& options_;
  LoadProgress& progress_;
  BatchQueue queue_;
  Batch batch_;
  size_t batch_bytes_ = 0;
  std::mutex mu_;  // Of loaded_.skipped.
  RdbLoaded loaded_;
};

bool Loader::Flush() {
  batch_bytes_ = 0;
  return batch_.empty() || queue_.Push(std::exchange(batch_, {}));
}

absl::Status Loader::OnKey(const RdbKey& key) {
  if (options_.threads == 0) {
    return LoadOne(
        {key.db, key.type, std::string(key.key), key.expiry, key.use, key.body, key.offset});
  }
  batch_.push_back(
      {key.db, key.type, std::string(key.key), key.expiry, key.use, key.body, key.offset});
  batch_bytes_ += key.body.size();
  if (batch_.size() < kBatchRecords && batch_bytes_ < kBatchBytes) return absl::OkStatus();
  return Flush() ? absl::OkStatus() : absl::CancelledError("a loading thread has failed");
}

absl::Status Loader::LoadOne(const Record& record) {
  if (record.db >= store_.databases()) {
    return absl::DataLossError(fmt::format("offset {}: key of database {}, where there are {}",
                                           record.offset, record.db, store_.databases()));
  }
  if (options_.drop_expired && record.expiry != kNoExpiry && record.expiry < options_.now) {
    progress_.expired.fetch_add(1, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  RdbReader reader(record.body, record.offset);
  auto entry =
      ReadValue(reader, record.type, record.key, record.expiry, store_.settings().encodings);
  if (entry.status().code() == absl::StatusCode::kNotFound) {
    progress_.empty.fetch_add(1, std::memory_order_relaxed);
    Skip(fmt::format("skipping empty key: {}", record.key));
    return absl::OkStatus();
  }
  if (entry.status().code() == absl::StatusCode::kUnimplemented) {
    Skip(fmt::format("key '{}': {}", record.key, Std(entry.status().message())));
    return absl::OkStatus();
  }
  if (!entry.ok()) return entry.status();
  (*entry)->set_access(store::GivenAccess(store_.settings(), options_.now, record.use.idle_seconds,
                                          record.use.frequency));
  const store::Key key = store::Key::Of(record.key);
  store::LockSet locks(store_);
  if (options_.held == nullptr) {
    locks.Add(key.slot);
    locks.Lock();
  }
  store::Unheard unheard;
  // At time 0: what has expired is still there.
  store::Keyspace keyspace(store_, options_.held == nullptr ? locks : *options_.held, unheard,
                           record.db, 0);
  if (!options_.replace && keyspace.Exists(key)) {
    return absl::DataLossError(
        fmt::format("offset {}: key '{}' for the second time", record.offset, record.key));
  }
  keyspace.Put(key, *std::move(entry), {});
  progress_.keys.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

void Loader::Load() {
  const ThreadMemory memory;
  while (true) {
    const Batch batch = queue_.Pop();
    if (batch.empty()) return;
    for (const Record& record : batch) {
      if (absl::Status status = LoadOne(record); !status.ok()) {
        return queue_.Fail(std::move(status));
      }
      if (options_.key_delay_us > 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(options_.key_delay_us));
      }
    }
  }
}

absl::Status Loader::Parse(std::string_view bytes) {
  RdbFileParser parser(*this, options_.parser);
  const uint64_t before = progress_.bytes.load(std::memory_order_relaxed);
  // In pieces, so that progress shows; a record longer than a piece takes all there is.
  size_t piece = kParseAtOnce;
  while (!parser.done()) {
    const std::string_view rest = bytes.substr(parser.offset());
    const bool last = piece >= rest.size();
    const auto taken = parser.Parse(rest.substr(0, piece), last);
    if (!taken.ok()) return taken.status();
    piece = *taken == 0 ? piece * 2 : kParseAtOnce;
    progress_.bytes.store(before + parser.offset(), std::memory_order_relaxed);
  }
  loaded_.bytes = parser.offset();
  Flush();
  return absl::OkStatus();
}

absl::StatusOr<RdbLoaded> Loader::Run(std::string_view bytes) {
  std::vector<std::thread> threads;
  for (int i = 0; i < options_.threads; ++i) threads.emplace_back([this] { Load(); });
  absl::Status parsed = Parse(bytes);
  queue_.Close();
  for (std::thread& thread : threads) thread.join();
  // A loading thread's trouble comes first: the parser only heard of it.
  if (absl::Status status = queue_.status(); !status.ok()) return status;
  if (!parsed.ok()) return parsed;
  return std::move(loaded_);
}

}  // namespace

absl::StatusOr<RdbLoaded> LoadRdb(std::string_view bytes, store::Store& store,
                                  const RdbLoadOptions& options, LoadProgress& progress) {
  return Loader(store, options, progress).Run(bytes);
}

}  // namespace henge::persistence
