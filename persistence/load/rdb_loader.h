// SPDX-License-Identifier: Apache-2.0
// LoadRdb: an RDB stream's keys into the store, on several threads.
//
//   calling thread: RdbFileParser ──> batches of records ──> loading threads: ReadValue ──> shards
//
// The bytes must stay where they are until it returns (a mapped file). Shards are locked key by
// key; no other user of the store is assumed, and none excluded.
#pragma once

#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "persistence/rdb/file_parser.h"
#include "store/store.h"

namespace henge::persistence {

// How far a load has come. Any thread.
struct LoadProgress {
  std::atomic<uint64_t> total_bytes{0};  // Of all files.
  std::atomic<uint64_t> bytes{0};        // Parsed.
  std::atomic<uint64_t> keys{0};         // Put into the store.
  std::atomic<uint64_t> expired{0};      // Left out, as their time was up;
  std::atomic<uint64_t> empty{0};        // as collections without elements.
  std::atomic<uint64_t> used_memory{0};  // Of who wrote the file, when it did.

  void Reset() {
    for (auto* count : {&total_bytes, &bytes, &keys, &expired, &empty, &used_memory}) {
      count->store(0);
    }
  }
};

struct RdbLoadOptions {
  RdbParserOptions parser;
  int threads = 1;  // That read values, besides the caller, which parses. 0: none, all is its own.
  UnixMillis now = 0;
  bool drop_expired = true;  // False for a follower: its leader says what has expired.
  bool replace = false;      // A key that is there gives way; else that is an error.
  // If every shard is locked already: by whom. REQUIRES: threads = 0.
  const store::LockSet* held = nullptr;
  // Looked at between keys: once it is true the load ends, with kCancelled. Null: nobody can end
  // it.
  const std::atomic<bool>* cancelled = nullptr;
  int64_t key_delay_us = 0;  // Waited at each key, for tests (key-load-delay).
};

struct ExpiredKey {
  DbIndex db;
  std::string name;
};

// What a file said besides its keys.
struct RdbLoaded {
  uint64_t bytes = 0;  // Of the stream, its end mark and checksum included.
  int version = 0;
  std::vector<std::pair<std::string, std::string>> aux;
  std::vector<std::string> functions;
  std::vector<ExpiredKey> expired;   // Left out, as their time was up; in no order.
  std::vector<std::string> skipped;  // What was left out, each with why; of very many the first.
};

// Errors name offset and reason; what was loaded before them stays in the store.
absl::StatusOr<RdbLoaded> LoadRdb(std::string_view bytes, store::Store& store,
                                  const RdbLoadOptions& options, LoadProgress& progress);

}  // namespace henge::persistence
