// SPDX-License-Identifier: Apache-2.0
#include "store/stream/id_map.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace henge::store {
namespace {

struct Numbered {
  StreamId id;
  uint64_t number;
};
using Model = std::map<StreamId, uint64_t>;

void ExpectSame(const IdMap<Numbered>& map, const Model& model) {
  ASSERT_EQ(map.size(), model.size());
  auto at = map.Begin();
  for (const auto& [id, number] : model) {
    ASSERT_NE(at, map.End());
    ASSERT_EQ(map.At(at).id, id);
    ASSERT_EQ(map.At(at).number, number);
    at = map.Next(at);
  }
  ASSERT_EQ(at, map.End());
  if (model.empty()) return;
  at = map.Last();
  for (auto it = model.rbegin(); it != model.rend(); ++it) {
    ASSERT_EQ(map.At(at).id, it->first);
    at = map.Previous(at);
  }
  ASSERT_EQ(at, map.End());
}

void ExpectBounds(const IdMap<Numbered>& map, const Model& model, const StreamId& id) {
  const auto lower = model.lower_bound(id);
  const auto at = map.LowerBound(id);
  ASSERT_EQ(at == map.End(), lower == model.end());
  if (lower != model.end()) {
    ASSERT_EQ(map.At(at).id, lower->first);
  }
  if (model.empty()) return;
  auto floor = model.upper_bound(id);
  if (floor != model.begin()) --floor;
  ASSERT_EQ(map.At(map.Floor(id)).id, floor->first);
}

class IdMapProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(IdMapProperty, BehavesAsAMap) {
  Random random(GetParam());
  MemoryAccount account;
  {
    IdMap<Numbered> map(account);
    Model model;
    uint64_t last = 0;
    for (int step = 0; step < 20'000; ++step) {
      const uint64_t kind = random.Below(100);
      const StreamId id{random.Below(200), random.Below(40)};
      if (kind < 35) {
        const StreamId next{200 + ++last / 7, last % 7};
        map.Insert({next, last});
        model[next] = last;
      } else if (kind < 60) {
        if (model.try_emplace(id, step).second) map.Insert({id, static_cast<uint64_t>(step)});
      } else if (kind < 80) {
        ASSERT_EQ(map.Erase(id), model.erase(id) > 0);
      } else if (kind < 97 && !model.empty()) {
        map.Erase(map.Begin());
        model.erase(model.begin());
      } else if (kind == 97) {
        const uint64_t part = 2 + random.Below(9);
        map.EraseIf([&](const Numbered& r) { return r.number % part == 0; });
        std::erase_if(model, [&](const auto& r) { return r.second % part == 0; });
      } else if (random.Below(40) == 0) {
        const auto cut = map.CutBefore(map.LowerBound(id));
        size_t count = 0;
        cut.ForEach([&](const Numbered& r) {
          ++count;
          ASSERT_EQ(model.erase(r.id), 1u);
        });
        ASSERT_TRUE(model.empty() || model.begin()->first >= id);
      }
      ExpectBounds(map, model, id);
      if (step % 500 == 0) ExpectSame(map, model);
    }
    ExpectSame(map, model);
    IdMap<Numbered> copy(account);
    copy.CopyFrom(map, [](Numbered&) {});
    ExpectSame(copy, model);
    map.Clear();
    ExpectSame(map, {});
  }
  EXPECT_EQ(account.bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, IdMapProperty, testing::Range<uint64_t>(1, 9));

TEST(IdMap, FillsItsChunksWhenRecordsComeInOrder) {
  MemoryAccount account;
  IdMap<Numbered> map(account);
  constexpr size_t kRecords = 100'000;
  for (uint64_t i = 1; i <= kRecords; ++i) map.Insert({{i, 0}, i});
  EXPECT_LT(account.bytes(), kRecords * sizeof(Numbered) * 11 / 10);
}

TEST(IdMap, GivesMemoryBackWhenMostIsErased) {
  MemoryAccount account;
  IdMap<Numbered> map(account);
  for (uint64_t i = 1; i <= 100'000; ++i) map.Insert({{i, 0}, i});
  const size_t full = account.bytes();
  for (uint64_t i = 1; i <= 100'000; ++i) {
    if (i % 50 != 0) map.Erase(StreamId{i, 0});
  }
  EXPECT_EQ(map.size(), 2000u);
  EXPECT_LT(account.bytes(), full / 10);
}

}  // namespace
}  // namespace henge::store
