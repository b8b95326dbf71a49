// SPDX-License-Identifier: Apache-2.0
// What a write pays for the journal: one SET of a 16-byte key appended, by one and more threads,
// while a reader follows and releases: google benchmark. Time is wall clock for one append.
#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "persistence/journal/journal.h"

namespace henge::persistence {
namespace {

// A journal that is read, every 100 µs.
class Followed {
 public:
  Followed() : reader_(journal_.AttachAtEnd({.mandatory = true})) {
    thread_ = std::thread([this] {
      while (!stop_) {
        reader_->Release(reader_->Read(uint64_t{64} << 20).end());
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    });
  }
  ~Followed() {
    stop_ = true;
    thread_.join();
  }
  Journal& journal() { return journal_; }

 private:
  Journal journal_{JournalLimits{.room_bytes = uint64_t{1} << 30}};
  std::unique_ptr<JournalReader> reader_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

void BM_Append(benchmark::State& state) {
  static Followed followed;
  const std::string value(static_cast<size_t>(state.range(0)), 'x');
  const std::array<std::string_view, 3> words = {"SET", "key:000000000001", value};
  const std::array<Effect, 1> unit = {Effect{0, words}};
  for (auto _ : state) {
    while (!followed.journal().HasRoom()) std::this_thread::yield();
    benchmark::DoNotOptimize(followed.journal().Append(unit, 1));
    followed.journal().WakeReaders();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Append)->Arg(3)->Arg(32)->Arg(256)->Arg(4096)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
}  // namespace henge::persistence
