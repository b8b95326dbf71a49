// SPDX-License-Identifier: Apache-2.0
#include "store/expiry_index.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/clock.h"

namespace henge::store {
namespace {

ExpiryRecord RecordNumber(uint64_t n) { return {n}; }

std::vector<uint64_t> TakeAll(ExpiryIndex& index, UnixMillis now) {
  std::vector<uint64_t> all;
  std::array<ExpiryRecord, 7> some;
  while (const size_t n = index.Take(now, some)) {
    for (size_t i = 0; i < n; ++i) all.push_back(some[i].bits);
  }
  return all;
}

TEST(ExpiryRecord, KeepsSlotAndTopOfHash) {
  const Key key = Key::Of("{user}:1000");
  const ExpiryRecord record = ExpiryRecord::Of(key);
  EXPECT_EQ(record.slot(), key.slot);
  EXPECT_EQ(record.hash_prefix(), key.hash & ~uint64_t{0x3fff});
}

TEST(ExpiryIndex, HandsOutARecordOnceItsTickHasPassed) {
  ManualClock clock;
  ExpiryIndex index(clock.NowMillis());
  index.Note(RecordNumber(1), clock.NowMillis() + 1000);
  clock.Advance(999);
  EXPECT_TRUE(TakeAll(index, clock.NowMillis()).empty());
  clock.Advance(1 + ExpiryIndex::kTickMs);
  EXPECT_EQ(TakeAll(index, clock.NowMillis()), std::vector<uint64_t>{1});
  EXPECT_EQ(index.size(), 0u);
  EXPECT_TRUE(TakeAll(index, clock.NowMillis()).empty());
}

TEST(ExpiryIndex, HandsOutWhatIsOverdueAtOnce) {
  ManualClock clock;
  ExpiryIndex index(clock.NowMillis());
  index.Note(RecordNumber(1), clock.NowMillis() - 5000);
  clock.Advance(ExpiryIndex::kTickMs);
  EXPECT_EQ(TakeAll(index, clock.NowMillis()).size(), 1u);
}

TEST(ExpiryIndex, CrossesYearsOfEmptinessInOneCall) {
  ManualClock clock;
  ExpiryIndex index(clock.NowMillis());
  constexpr int64_t kYear = 365LL * 24 * 3600 * 1000;
  const UnixMillis deadline = clock.NowMillis() + 10 * kYear;
  index.Note(RecordNumber(1), deadline);
  int looked_at = 0;
  for (int i = 0; i < 20; ++i) {  // A deadline beyond the wheel comes up early, and goes back.
    clock.Advance(kYear / 2 + ExpiryIndex::kTickMs);
    for (const uint64_t bits : TakeAll(index, clock.NowMillis())) {
      ++looked_at;
      if (deadline >= clock.NowMillis()) index.Note(RecordNumber(bits), deadline);
    }
  }
  EXPECT_EQ(index.size(), 0u);
  EXPECT_LT(looked_at, 20);
}

TEST(ExpiryIndex, ReportsTheAgeOfWhatWaits) {
  ManualClock clock;
  ExpiryIndex index(clock.NowMillis());
  for (uint64_t i = 0; i < 100; ++i) index.Note(RecordNumber(i), clock.NowMillis() + 10);
  EXPECT_EQ(index.LagMs(clock.NowMillis()), 0);
  clock.Advance(5000);
  std::array<ExpiryRecord, 10> some;
  EXPECT_EQ(index.Take(clock.NowMillis(), some), 10u);
  EXPECT_GE(index.LagMs(clock.NowMillis()), 4990 - ExpiryIndex::kTickMs);
  TakeAll(index, clock.NowMillis());
  EXPECT_EQ(index.LagMs(clock.NowMillis()), 0);
}

TEST(ExpiryIndex, SamplesEveryRecordNowAndThen) {
  ExpiryIndex index(0);
  Random random(7);
  for (uint64_t i = 0; i < 200; ++i) {
    index.Note(RecordNumber(i), static_cast<int64_t>(random.Below(100'000'000)));
  }
  std::set<uint64_t> seen;
  for (int i = 0; i < 20'000; ++i) seen.insert(index.Sample(random)->bits);
  EXPECT_EQ(seen.size(), 200u);
}

// Against a plain map: whatever is noted, re-timed, deleted and in whatever leaps time passes,
// every key comes up within a tick of its deadline and none is deleted before.
TEST(ExpiryIndex, AgreesWithAModelThroughAnyHistory) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    ManualClock clock;
    ExpiryIndex index(clock.NowMillis());
    std::map<uint64_t, UnixMillis> model;
    for (int step = 0; step < 3000; ++step) {
      const uint64_t key = random.Below(500);
      const auto scale = static_cast<int>(random.Below(36));
      const auto span = static_cast<int64_t>(random.Below(uint64_t{1} << scale)) + 1;
      switch (random.Below(8)) {
        case 0:
          model.erase(key);
          break;
        case 1: {
          clock.Advance(span / 4);
          for (const uint64_t bits : TakeAll(index, clock.NowMillis())) {
            const auto it = model.find(bits);
            if (it == model.end()) continue;
            if (it->second < clock.NowMillis()) {
              model.erase(it);
            } else {
              index.Note(RecordNumber(bits), it->second);
            }
          }
          for (const auto& [name, deadline] : model) {
            ASSERT_GE(deadline, clock.NowMillis() - ExpiryIndex::kTickMs);
          }
          break;
        }
        default: {
          const UnixMillis deadline = clock.NowMillis() + span;
          const auto [it, added] = model.try_emplace(key, deadline);
          if (added || it->second > deadline) index.Note(RecordNumber(key), deadline);
          it->second = deadline;
        }
      }
    }
  }
}

}  // namespace
}  // namespace henge::store
