// SPDX-License-Identifier: Apache-2.0
#include "persistence/load/rdb_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include "base/background.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/rdb/value_reader.h"
#include "store/access_clock.h"
#include "store/keyspace.h"
#include "store/unheard.h"

namespace henge::persistence {
namespace {

// Large enough that a shard gets many of a batch's keys under one lock.
constexpr size_t kBatchRecords = 2048;
constexpr size_t kSlowBatchRecords = 16;  // With a delay for each key, so that progress shows.
constexpr size_t kBatchBytes = 512 * 1024;
constexpr size_t kPrefetchAhead = 8;
// What a key takes of a file at least, about: no announced number of keys is believed beyond that.
constexpr uint64_t kBytesOfKey = 16;
constexpr uint64_t kReserveFrom = 10'000;   // Keys. Fewer are not worth it.
constexpr size_t kBatchesAhead = 4;         // For each thread.
constexpr size_t kSkippedTold = 1000;       // Of what is left out; the rest is only counted.
constexpr uint64_t kParseAtOnce = 1 << 20;  // Between reports of progress.

absl::Status GivenUp() { return absl::CancelledError("the load was given up"); }

struct Batch {
  std::vector<RdbKey> records;
  std::deque<std::string> keys;  // Of those records whose keys don't stand in the file as they are.
};

// A record's value, ready for the store.
struct Value {
  const RdbKey* record;
  store::Key key;
  store::OwnedEntry entry;
};

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
  // Without records at the end.
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
    const auto number = name == "used-mem" ? ParseInt64(value) : std::nullopt;
    if (number && *number > 0) progress_.used_memory.store(static_cast<uint64_t>(*number));
  }
  absl::Status OnFunction(std::string_view code) override {
    loaded_.functions.emplace_back(code);
    return absl::OkStatus();
  }
  absl::Status OnKey(const RdbKey& key) override;
  void OnSkipped(std::string_view what) override { Skip(std::string(what)); }
  absl::Status Parse(std::string_view bytes);
  void OnSize(DbIndex db, uint64_t keys, uint64_t) override;
  bool Flush();

  // --- The loading threads ---
  void Load(bool background);
  absl::Status LoadBatch(const Batch& batch);
  // Appends the record's value, unless there is nothing to be kept of it.
  absl::Status Read(const RdbKey& record, std::vector<Value>& values);
  absl::Status PutAll(std::vector<Value>& values);
  absl::Status PutInto(const store::LockSet& locks, std::span<Value* const> values);
  void Prefetch(const Value& value) const;
  bool cancelled() const {
    return options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed);
  }
  void Skip(std::string what) {
    const std::lock_guard lock(mu_);
    if (loaded_.skipped.size() < kSkippedTold) loaded_.skipped.push_back(std::move(what));
  }

  store::Store& store_;
  const RdbLoadOptions& options_;
  LoadProgress& progress_;
  BatchQueue queue_;
  std::string_view bytes_;
  Batch batch_;
  size_t batch_bytes_ = 0;
  std::mutex mu_;  // Of what of loaded_ the loading threads add to: skipped, expired.
  RdbLoaded loaded_;
};

bool Loader::Flush() {
  batch_bytes_ = 0;
  return batch_.records.empty() || queue_.Push(std::exchange(batch_, {}));
}

void Loader::OnSize(DbIndex db, uint64_t keys, uint64_t) {
  keys = std::min<uint64_t>(keys, bytes_.size() / kBytesOfKey);
  if (keys < kReserveFrom || options_.held != nullptr || db >= store_.databases()) return;
  for (size_t i = 0; i < store_.shards(); ++i) {
    store::Shard& shard = store_.shard(static_cast<ShardIndex>(i));
    const std::lock_guard lock(shard.mu);
    std::vector<store::EntryTable>& tables = store_.Database(shard, db).tables();
    // Where each slot has one of its own, nothing is known of these.
    if (tables.size() == 1 && tables[0].empty()) tables[0].Reserve(keys / store_.shards());
  }
}

void Loader::Prefetch(const Value& value) const {
  const auto& part = store_.shard(store_.ShardOf(value.key.slot)).dbs[value.record->db];
  if (part != nullptr) part->TableOf(value.key.slot).Prefetch(value.key.hash);
}

absl::Status Loader::OnKey(const RdbKey& key) {
  GiveWay();
  if (cancelled()) return GivenUp();
  RdbKey& record = batch_.records.emplace_back(key);
  // The key's bytes may be the parser's, for now.
  const std::less<> before;
  if (before(key.key.data(), bytes_.data()) ||
      before(bytes_.data() + bytes_.size(), key.key.data())) {
    record.key = batch_.keys.emplace_back(key.key);
  }
  if (options_.threads == 0) return LoadBatch(std::exchange(batch_, {}));
  batch_bytes_ += key.body.size();
  const size_t records = options_.key_delay_us > 0 ? kSlowBatchRecords : kBatchRecords;
  if (batch_.records.size() < records && batch_bytes_ < kBatchBytes) return absl::OkStatus();
  return Flush() ? absl::OkStatus() : absl::CancelledError("a loading thread has failed");
}

absl::Status Loader::Read(const RdbKey& record, std::vector<Value>& values) {
  if (record.db >= store_.databases()) {
    return absl::DataLossError(fmt::format("offset {}: key of database {}, where there are {}",
                                           record.offset, record.db, store_.databases()));
  }
  if (options_.drop_expired && record.expiry != kNoExpiry && record.expiry < options_.now) {
    progress_.expired.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(mu_);
    loaded_.expired.push_back({record.db, std::string(record.key)});
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
  values.push_back({&record, store::Key::Of(record.key), *std::move(entry)});
  return absl::OkStatus();
}

absl::Status Loader::PutInto(const store::LockSet& locks, std::span<Value* const> values) {
  store::Unheard unheard;
  std::optional<store::Keyspace> keyspace;
  for (size_t i = 0; i < values.size(); ++i) {
    Value& value = *values[i];
    // At time 0: what has expired is still there.
    if (!keyspace || keyspace->db() != value.record->db) {
      keyspace.emplace(store_, locks, unheard, value.record->db, 0);
    }
    if (i + kPrefetchAhead < values.size()) Prefetch(*values[i + kPrefetchAhead]);
    if (!options_.replace && keyspace->Exists(value.key)) {
      return absl::DataLossError(fmt::format("offset {}: key '{}' for the second time",
                                             value.record->offset, value.key.bytes));
    }
    keyspace->Put(value.key, std::move(value.entry), {});
  }
  progress_.keys.fetch_add(values.size(), std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Loader::PutAll(std::vector<Value>& values) {
  std::vector<Value*> sorted(values.size());
  if (options_.held != nullptr) {
    std::transform(values.begin(), values.end(), sorted.begin(), [](Value& v) { return &v; });
    return PutInto(*options_.held, sorted);
  }
  // By shard, and in one shard as they came: where each shard's begin, which becomes where they
  // end.
  const auto shard_of = [this](const Value& value) { return store_.ShardOf(value.key.slot); };
  std::vector<uint32_t> ends(store_.shards() + 1);
  for (const Value& value : values) ++ends[shard_of(value) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  for (Value& value : values) sorted[ends[shard_of(value)]++] = &value;
  uint32_t begin = 0;
  for (size_t i = 0; i < store_.shards(); begin = ends[i++]) {
    if (ends[i] == begin) continue;
    store::LockSet locks(store_);
    locks.AddShard(static_cast<ShardIndex>(i));
    locks.Lock();
    absl::Status status = PutInto(locks, std::span(sorted).subspan(begin, ends[i] - begin));
    if (!status.ok()) return status;
    locks.Unlock();
    GiveWay();
  }
  return absl::OkStatus();
}

absl::Status Loader::LoadBatch(const Batch& batch) {
  std::vector<Value> values;
  values.reserve(batch.records.size());
  for (const RdbKey& record : batch.records) {
    if (cancelled()) return GivenUp();
    if (absl::Status status = Read(record, values); !status.ok()) return status;
    GiveWay();
    if (options_.key_delay_us > 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(options_.key_delay_us));
    }
  }
  return PutAll(values);
}

void Loader::Load(bool background) {
  const ThreadMemory memory;
  if (background) BecomeBackground();
  while (true) {
    const Batch batch = queue_.Pop();
    if (batch.records.empty()) return;
    if (absl::Status status = LoadBatch(batch); !status.ok()) {
      return queue_.Fail(std::move(status));
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
  bytes_ = bytes;
  std::vector<std::thread> threads;
  for (int i = 0; i < options_.threads; ++i) {
    threads.emplace_back([this, background = IsBackground()] { Load(background); });
  }
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
