// SPDX-License-Identifier: Apache-2.0
// What the store's table and its entries cost, operation by operation: google benchmark.
// The tables hold 16-byte keys with 32-byte values and are asked for random ones: 1,000 fit in the
// processor's caches, a million and more do not.
#include <absl/container/flat_hash_map.h>
#include <benchmark/benchmark.h>

#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

#include "base/random.h"
#include "store/entry.h"
#include "store/key.h"
#include "store/store.h"

namespace henge::store {
namespace {

constexpr std::string_view kValue = "01234567-01234567-01234567-12345";
constexpr size_t kBatch = 16;

using KeyText = std::array<char, 24>;

std::string_view Name(uint64_t number, KeyText& text) {
  const int length = std::snprintf(text.data(), text.size(), "key:%012llu",
                                   static_cast<unsigned long long>(number));
  return {text.data(), static_cast<size_t>(length)};
}

Entry* NewEntry(std::string_view key) { return Entry::NewString(key, kValue, kNoExpiry); }

// A table of `size` entries; made once for each size and kept, as filling takes seconds.
EntryTable& TableOf(uint64_t size) {
  static auto& tables = *new std::map<uint64_t, EntryTable>;
  EntryTable& table = tables[size];
  KeyText text;
  for (uint64_t i = table.size(); i < size; ++i) {
    const std::string_view key = Name(i, text);
    table.Insert(NewEntry(key), HashKey(key));
  }
  return table;
}

// Names and hashes to ask for, drawn before the clock runs.
class Questions {
 public:
  Questions(uint64_t from, uint64_t below) {
    Random random(1);
    for (Question& question : all_) {
      const std::string_view key = Name(from + random.Below(below), question.text);
      question.size = key.size();
      question.hash = HashKey(key);
    }
  }
  struct Question {
    std::string_view key() const { return {text.data(), size}; }
    KeyText text;
    size_t size;
    uint64_t hash;
  };
  // Sixteen in a row, as a pipeline brings them.
  const Question* NextBatch() {
    at_ = (at_ + kBatch) % all_.size();
    return &all_[at_];
  }

 private:
  std::vector<Question> all_ = std::vector<Question>(1 << 16);
  size_t at_ = 0;
};

void CountItems(benchmark::State& state, size_t each) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * static_cast<int64_t>(each));
}

void FindOneByOne(benchmark::State& state) {
  const auto size = static_cast<uint64_t>(state.range(0));
  EntryTable& table = TableOf(size);
  Questions questions(0, size);
  for (auto _ : state) {
    const auto* batch = questions.NextBatch();
    for (size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(table.Find(batch[i].key(), batch[i].hash)->bytes());
    }
  }
  CountItems(state, kBatch);
}

void FindPrefetched(benchmark::State& state) {
  const auto size = static_cast<uint64_t>(state.range(0));
  EntryTable& table = TableOf(size);
  Questions questions(0, size);
  for (auto _ : state) {
    const auto* batch = questions.NextBatch();
    for (size_t i = 0; i < kBatch; ++i) table.Prefetch(batch[i].hash);
    for (size_t i = 0; i < kBatch; ++i) table.PrefetchItem(batch[i].hash);
    for (size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(table.Find(batch[i].key(), batch[i].hash)->bytes());
    }
  }
  CountItems(state, kBatch);
}

void FindAbsent(benchmark::State& state) {
  const auto size = static_cast<uint64_t>(state.range(0));
  EntryTable& table = TableOf(size);
  Questions questions(size, size);
  for (auto _ : state) {
    const auto* batch = questions.NextBatch();
    for (size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(table.Find(batch[i].key(), batch[i].hash));
    }
  }
  CountItems(state, kBatch);
}

struct KeyHash {
  size_t operator()(std::string_view key) const { return HashKey(key); }
};

// What a good ready-made table costs, for comparison: keys are hashed in the loop, as it insists.
void FindInFlatHashMap(benchmark::State& state) {
  const auto size = static_cast<uint64_t>(state.range(0));
  absl::flat_hash_map<std::string_view, Entry*, KeyHash> map;
  TableOf(size).ForEach([&](Entry* entry) { map.emplace(entry->key(), entry); });
  Questions questions(0, size);
  for (auto _ : state) {
    const auto* batch = questions.NextBatch();
    for (size_t i = 0; i < kBatch; ++i) {
      benchmark::DoNotOptimize(map.find(batch[i].key())->second->bytes());
    }
  }
  CountItems(state, kBatch);
}

void EraseAndInsert(benchmark::State& state) {
  const auto size = static_cast<uint64_t>(state.range(0));
  EntryTable& table = TableOf(size);
  Questions questions(0, size);
  for (auto _ : state) {
    const auto* batch = questions.NextBatch();
    for (size_t i = 0; i < kBatch; ++i) {
      Entry* entry = table.Erase(batch[i].key(), batch[i].hash);
      table.Insert(entry, batch[i].hash);
    }
  }
  CountItems(state, kBatch);
}

void Scan(benchmark::State& state) {
  EntryTable& table = TableOf(static_cast<uint64_t>(state.range(0)));
  uint64_t cursor = 0;
  size_t seen = 0;
  for (auto _ : state) {
    cursor = table.Scan(cursor, [&](const Entry*) { ++seen; });
  }
  state.SetItemsProcessed(static_cast<int64_t>(seen));
}

void EntryNewAndFree(benchmark::State& state) {
  KeyText text;
  const std::string_view key = Name(7, text);
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  for (auto _ : state) Entry::Free(Entry::NewString(key, value, kNoExpiry));
  CountItems(state, 1);
}

void EntryOverwrite(benchmark::State& state) {
  KeyText text;
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  Entry* entry = Entry::NewString(Name(7, text), value, kNoExpiry);
  for (auto _ : state) entry = Entry::Overwrite(entry, value, kNoExpiry);
  Entry::Free(entry);
  CountItems(state, 1);
}

void HashOfKey(benchmark::State& state) {
  Questions questions(0, 1000);
  for (auto _ : state) {
    const auto* batch = questions.NextBatch();
    for (size_t i = 0; i < kBatch; ++i) benchmark::DoNotOptimize(HashKey(batch[i].key()));
  }
  CountItems(state, kBatch);
}

BENCHMARK(HashOfKey);
BENCHMARK(EntryNewAndFree)->Arg(32)->Arg(1024);
BENCHMARK(EntryOverwrite)->Arg(32)->Arg(1024);
BENCHMARK(FindOneByOne)->Arg(1'000)->Arg(1'000'000)->Arg(5'000'000);
BENCHMARK(FindPrefetched)->Arg(1'000)->Arg(1'000'000)->Arg(5'000'000);
BENCHMARK(FindAbsent)->Arg(1'000)->Arg(1'000'000)->Arg(5'000'000);
BENCHMARK(FindInFlatHashMap)->Arg(1'000)->Arg(1'000'000)->Arg(5'000'000);
BENCHMARK(EraseAndInsert)->Arg(1'000)->Arg(1'000'000)->Arg(5'000'000);
BENCHMARK(Scan)->Arg(1'000'000);

}  // namespace
}  // namespace henge::store
