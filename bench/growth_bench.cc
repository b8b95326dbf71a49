// SPDX-License-Identifier: Apache-2.0
// growth_bench [ENTRIES]: times every single insert while one table grows to ten million entries.
//
// The claim: no insert is long, for growing splits one small segment. A server spreads its keys
// over many tables; one alone is the hardest case, as its directory is the longest.
//
// A virtual machine is itself interrupted for milliseconds, and every clock counts that. So the
// same growth is done kRounds times and three things are printed:
//   insert   each insert as the clock saw it, in the first round
//   least    of each insert the shortest of the rounds: what the work itself takes, since the work
//            is the same in each round and the interruptions are not
//   control  after each insert the same time is spent reading the clock: the longest pause between
//            two readings, which is the machine's
// as `name=value` pairs in nanoseconds; bench/growth makes a table of them.
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "store/entry.h"
#include "store/key.h"
#include "store/store.h"

namespace henge::store {
namespace {

uint64_t CpuNanos() {
  timespec at;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
}

// Counts durations in steps of 10 ns up to 10 ms; the longest is kept exactly.
class Durations {
 public:
  void Add(uint64_t nanos) {
    ++steps_[std::min<uint64_t>(nanos / kStep, steps_.size() - 1)];
    longest_ = std::max(longest_, nanos);
    ++count_;
  }
  uint64_t Percentile(double share) const {
    auto rank = static_cast<uint64_t>(static_cast<double>(count_) * share);
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (rank < steps_[i]) return i * kStep;
      rank -= steps_[i];
    }
    return longest_;
  }
  uint64_t Above(uint64_t nanos) const {
    uint64_t found = 0;
    for (size_t i = nanos / kStep; i < steps_.size(); ++i) found += steps_[i];
    return found;
  }
  uint64_t longest() const { return longest_; }

 private:
  static constexpr uint64_t kStep = 10;
  std::array<uint64_t, 1'000'000> steps_{};
  uint64_t longest_ = 0;
  uint64_t count_ = 0;
};

constexpr int kRounds = 3;

Durations inserts;
Durations least;
Durations control;

// Spins for `nanos`; returns the longest time that passed between two looks at the clock.
uint64_t LongestPause(uint64_t nanos) {
  const uint64_t start = CpuNanos();
  uint64_t longest = 0;
  for (uint64_t last = start; last - start < nanos;) {
    const uint64_t now = CpuNanos();
    longest = std::max(longest, now - last);
    last = now;
  }
  return longest;
}

// Grows a table once; `shortest` is brought down to what each insert took, and `first` says that
// this round is to be counted by itself, too.
void Grow(std::vector<uint32_t>& shortest, bool first) {
  EntryTable table;
  std::array<char, 24> text;
  for (uint32_t& own : shortest) {
    const int length = std::snprintf(text.data(), text.size(), "key:%012zu", table.size());
    const std::string_view key(text.data(), static_cast<size_t>(length));
    Entry* entry = Entry::NewString(key, "01234567-01234567-01234567-12345", kNoExpiry);
    const uint64_t hash = HashKey(key);
    const uint64_t before = CpuNanos();
    table.Insert(entry, hash);
    const uint64_t took = CpuNanos() - before;
    own = static_cast<uint32_t>(std::min<uint64_t>(own, took));
    if (!first) continue;
    inserts.Add(took);
    control.Add(LongestPause(took));
  }
  table.Clear([](Entry* entry) { Entry::Free(entry); });
}

void Print(const char* name, const Durations& durations) {
  for (const auto& [label, share] : std::initializer_list<std::pair<const char*, double>>{
           {"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}) {
    std::printf("%s_%s=%llu ", name, label,
                static_cast<unsigned long long>(durations.Percentile(share)));
  }
  std::printf("%s_max=%llu %s_above_100us=%llu %s_above_1ms=%llu ", name,
              static_cast<unsigned long long>(durations.longest()), name,
              static_cast<unsigned long long>(durations.Above(100'000)), name,
              static_cast<unsigned long long>(durations.Above(1'000'000)));
}

}  // namespace
}  // namespace henge::store

int main(int argc, char** argv) {
  const uint64_t entries = argc > 1 ? henge::ParseUint64(argv[1]).value_or(0) : 10'000'000;
  if (entries == 0) {
    std::fprintf(stderr, "usage: growth_bench [ENTRIES]\n");
    return 1;
  }
  std::vector<uint32_t> shortest(entries, UINT32_MAX);
  for (int round = 0; round < henge::store::kRounds; ++round) {
    henge::store::Grow(shortest, round == 0);
  }
  for (const uint32_t nanos : shortest) henge::store::least.Add(nanos);
  std::printf("entries=%llu ", static_cast<unsigned long long>(entries));
  henge::store::Print("insert", henge::store::inserts);
  henge::store::Print("least", henge::store::least);
  henge::store::Print("control", henge::store::control);
  std::printf("\n");
  return 0;
}
