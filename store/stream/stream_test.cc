// SPDX-License-Identifier: Apache-2.0
#include "store/stream/stream.h"

#include <absl/strings/str_cat.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "store/stream/stream_reader.h"

namespace henge::store {
namespace {

using Pairs = std::vector<std::string>;
using Model = std::map<StreamId, Pairs>;

std::vector<std::string_view> Views(const Pairs& pairs) { return {pairs.begin(), pairs.end()}; }

Pairs PairsOf(const StreamReader& reader) {
  Pairs pairs;
  reader.ForEachPair([&](const ListpackElement& field, const ListpackElement& value) {
    ListpackElement::Digits digits;
    pairs.emplace_back(field.Text(digits));
    pairs.emplace_back(value.Text(digits));
  });
  return pairs;
}

// Bytes counted anew, from what the stream holds.
size_t BlockBytes(const Stream& stream) {
  size_t bytes = 0;
  stream.blocks().ForEach([&](const StreamBlock& b) { bytes += b.listpack().MemoryBytes(); });
  return bytes;
}

void ExpectSame(const Stream& stream, const Model& model) {
  ASSERT_EQ(stream.length(), model.size());
  StreamReader forward(stream, kMinStreamId, kMaxStreamId);
  for (const auto& [id, pairs] : model) {
    ASSERT_TRUE(forward.Next());
    ASSERT_EQ(forward.id(), id);
    ASSERT_EQ(PairsOf(forward), pairs);
  }
  ASSERT_FALSE(forward.Next());
  StreamReader backward(stream, kMinStreamId, kMaxStreamId, StreamReader::Order::kBackward);
  for (auto it = model.rbegin(); it != model.rend(); ++it) {
    ASSERT_TRUE(backward.Next());
    ASSERT_EQ(backward.id(), it->first);
    ASSERT_EQ(PairsOf(backward), it->second);
  }
  ASSERT_FALSE(backward.Next());
  ASSERT_EQ(stream.first_id(), model.empty() ? kMinStreamId : model.begin()->first);
  ASSERT_EQ(stream.LastLiveId(), model.empty() ? kMinStreamId : model.rbegin()->first);
  stream.blocks().ForEach([](const StreamBlock& block) {
    const auto valid = ValidateBlock(block.id, block.listpack().view());
    ASSERT_TRUE(valid.has_value());
    ASSERT_EQ(valid->live, block.live);
    ASSERT_EQ(valid->entries, block.entries);
  });
}

void ExpectRange(const Stream& stream, const Model& model, StreamId from, StreamId to) {
  StreamReader reader(stream, from, to);
  for (auto it = model.lower_bound(from); it != model.end() && it->first <= to; ++it) {
    ASSERT_TRUE(reader.Next());
    ASSERT_EQ(reader.id(), it->first);
  }
  ASSERT_FALSE(reader.Next());
  if (from > to) return;
  StreamReader back(stream, from, to, StreamReader::Order::kBackward);
  for (auto it = model.upper_bound(to); it != model.begin() && (--it)->first >= from;) {
    ASSERT_TRUE(back.Next());
    ASSERT_EQ(back.id(), it->first);
  }
  ASSERT_FALSE(back.Next());
}

Pairs SomePairs(Random& random) {
  static const Pairs kUsual = {"field", "", "other", ""};
  Pairs pairs = kUsual;
  if (random.Below(4) == 0) {
    pairs.assign(2 * (1 + random.Below(4)), "");
    for (auto& text : pairs) text = std::to_string(random.Below(100));
  }
  for (size_t i = 1; i < pairs.size(); i += 2) {
    pairs[i] = random.Below(2) == 0 ? std::to_string(random.Below(1u << random.Below(31)))
                                    : std::string(random.Below(90), 'x');
  }
  return pairs;
}

class StreamProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(StreamProperty, BehavesAsAMap) {
  Random random(GetParam());
  Stream stream;
  Model model;
  StreamBlockLimits limits{static_cast<int64_t>(random.Below(3) * 1000),
                           static_cast<int64_t>(1 + random.Below(20))};
  StreamId last;
  const auto any_id = [&] { return StreamId{random.Below(last.ms + 2), random.Below(4)}; };
  for (int step = 0; step < 6000; ++step) {
    const uint64_t kind = random.Below(100);
    if (kind < 60) {
      last = random.Below(3) == 0 ? StreamId{last.ms, last.seq + 1}
                                  : StreamId{last.ms + 1 + random.Below(3), random.Below(3)};
      const Pairs pairs = SomePairs(random);
      stream.Append(last, Views(pairs), limits);
      model[last] = pairs;
    } else if (kind < 95) {
      const StreamId id = any_id();
      ASSERT_EQ(stream.Erase(id), model.erase(id) > 0);
    } else if (kind < 97) {
      const uint64_t keep = random.Below(2 * model.size() + 1);
      const auto trimmed = stream.Trim({.length = keep});
      uint64_t gone = 0;
      for (; model.size() > keep; ++gone) model.erase(model.begin());
      ASSERT_EQ(trimmed.entries, gone);
    } else if (kind < 99) {
      const StreamId id = any_id();
      const auto trimmed = stream.Trim({.by = StreamTrim::By::kId, .id = id});
      const auto bound = model.lower_bound(id);
      ASSERT_EQ(trimmed.entries, std::distance(model.begin(), bound));
      model.erase(model.begin(), bound);
    } else {
      const uint64_t keep = random.Below(model.size() + 1);
      const uint64_t before = model.size();
      const auto trimmed = stream.Trim({.length = keep, .approximate = true, .limit = 30});
      ASSERT_LE(trimmed.entries, 30u);
      ASSERT_EQ(stream.length(), before - trimmed.entries);
      ASSERT_GE(stream.length(), std::min(keep, before));
      for (uint64_t i = 0; i < trimmed.entries; ++i) model.erase(model.begin());
    }
    if (step % 100 == 0) {
      ExpectSame(stream, model);
      ExpectRange(stream, model, any_id(), any_id());
    }
  }
  ExpectSame(stream, model);
  EXPECT_GT(stream.MemoryBytes(), BlockBytes(stream));
  ExpectSame(*stream.Copy(), model);
  stream.Trim({.length = 0});
  EXPECT_EQ(stream.MemoryBytes(), Stream().MemoryBytes());
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamProperty, testing::Range<uint64_t>(1, 13));

// --- Groups -------------------------------------------------------------------------------------

class GroupProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(GroupProperty, KeepsWhatIsPendingOnceInTheGroupAndOnceWithItsConsumer) {
  Random random(GetParam());
  Stream stream;
  const size_t bare = stream.MemoryBytes();
  ConsumerGroup& group = stream.AddGroup("a group with a name longer than others", {}, 0);
  const size_t with_group = stream.MemoryBytes();
  std::map<StreamId, std::string> model;
  std::set<std::string> names;
  for (int step = 0; step < 20'000; ++step) {
    const std::string name = "consumer-" + std::to_string(random.Below(6));
    const StreamId id{random.Below(300), 0};
    if (random.Below(3000) == 0) {
      if (Consumer* consumer = group.FindConsumer(name)) group.RemoveConsumer(*consumer);
      std::erase_if(model, [&](const auto& pending) { return pending.second == name; });
      names.erase(name);
    } else if (random.Below(2) == 0) {
      Consumer* consumer = group.FindConsumer(name);
      if (consumer == nullptr) consumer = &group.AddConsumer(name, 1);
      names.insert(name);
      group.Deliver(id, *consumer, step);
      model[id] = name;
    } else {
      ASSERT_EQ(group.Acknowledge(id), model.erase(id) > 0);
    }
  }
  const auto copy = group.Copy(nullptr);
  for (const ConsumerGroup* g :
       {static_cast<const ConsumerGroup*>(&group), static_cast<const ConsumerGroup*>(copy.get())}) {
    ASSERT_EQ(g->pending().size(), model.size());
    size_t of_consumers = 0;
    for (const auto& consumer : g->consumers()) {
      EXPECT_TRUE(names.contains(consumer->name));
      of_consumers += consumer->pending.size();
      consumer->pending.ForEach(
          [&](const PendingId& p) { EXPECT_EQ(model[p.id], consumer->name); });
    }
    EXPECT_EQ(of_consumers, model.size());
    g->pending().ForEach([&](const Pending& p) {
      EXPECT_EQ(model[p.id], p.consumer->name);
      EXPECT_EQ(g->FindConsumer(p.consumer->name), p.consumer);
    });
  }
  for (const std::string& name : names) group.RemoveConsumer(*group.FindConsumer(name));
  EXPECT_TRUE(group.pending().empty());
  EXPECT_LE(stream.MemoryBytes(), with_group + AllocationSize(8 * sizeof(void*)));
  stream.RemoveGroup(group);
  EXPECT_LE(stream.MemoryBytes(), bare + AllocationSize(sizeof(void*)));
}

INSTANTIATE_TEST_SUITE_P(Seeds, GroupProperty, testing::Range<uint64_t>(1, 9));

// --- Lag ----------------------------------------------------------------------------------------

TEST(Stream, KnowsTheLagUntilAnEntryAheadIsDeleted) {
  Stream stream;
  ConsumerGroup& group = stream.AddGroup("g", {}, 0);
  const std::vector<std::string_view> pairs = {"f", "v"};
  for (uint64_t i = 1; i <= 5; ++i) stream.Append({i, 0}, pairs, {});
  EXPECT_EQ(stream.Lag(group), 5);
  stream.Advance(group, {1, 0});
  EXPECT_EQ(stream.Lag(group), 4);
  stream.Erase({3, 0});
  EXPECT_EQ(stream.Lag(group), std::nullopt);
  stream.Advance(group, {2, 0});
  EXPECT_EQ(group.entries_read, ConsumerGroup::kUnknown);
  stream.Advance(group, {4, 0});
  EXPECT_EQ(stream.Lag(group), std::nullopt);
  stream.Advance(group, {5, 0});
  EXPECT_EQ(group.entries_read, 5);
  EXPECT_EQ(stream.Lag(group), 0);
}

TEST(Stream, TellsHowManyEntriesWereAddedUpToAnId) {
  Stream stream;
  EXPECT_EQ(stream.EntriesUpTo({9, 9}), 0u);
  const std::vector<std::string_view> pairs = {"f", "v"};
  for (uint64_t i = 1; i <= 5; ++i) stream.Append({i, 0}, pairs, {});
  EXPECT_EQ(stream.EntriesUpTo({0, 0}), 0u);
  EXPECT_EQ(stream.EntriesUpTo({1, 0}), 1u);
  EXPECT_EQ(stream.EntriesUpTo({2, 0}), std::nullopt);
  EXPECT_EQ(stream.EntriesUpTo({5, 0}), 5u);
  EXPECT_EQ(stream.EntriesUpTo({6, 0}), std::nullopt);
  stream.Trim({.length = 2});
  EXPECT_EQ(stream.EntriesUpTo({1, 0}), 3u);
  EXPECT_EQ(stream.EntriesUpTo({4, 0}), 4u);
}

// --- Layout and what comes from outside ---------------------------------------------------------

TEST(StreamBlock, IsLaidOutAsInRedis) {
  const std::vector<std::string_view> first = {"t", "20", "u", "c"};
  const std::vector<std::string_view> second = {"x", "1"};
  StreamBlock block = NewBlock({1000, 5}, first);
  AppendTo(block, {1001, 0}, first);
  AppendTo(block, {1001, 1}, second);
  BlockWalk walk(block);
  ASSERT_TRUE(walk.ToFirst());
  DeleteEntry(block, walk.entry());
  std::string texts;
  const Listpack pack = block.listpack();
  for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
    ListpackElement::Digits digits;
    texts += std::string(pack.Get(at).Text(digits)) + " ";
  }
  EXPECT_EQ(texts,
            "2 1 2 t u 0 "
            "3 0 0 20 c 5 "
            "2 1 -5 20 c 5 "
            "0 1 -4 1 x 1 6 ");
  // As docs/formats/stream.md shows it.
  std::string hex;
  for (const unsigned char byte : pack.view())
    hex += absl::StrCat(absl::Hex(byte, absl::kZeroPad2));
  EXPECT_EQ(hex,
            "400000001900"
            "020101010201"
            "817402817502"
            "0001"
            "030100010001"
            "1401"
            "816302"
            "0501"
            "02010101dffb02"
            "1401"
            "816302"
            "0501"
            "00010101dffc02"
            "0101"
            "817802"
            "0101"
            "0601"
            "ff");
  std::free(block.pack);
}

TEST(StreamBlock, RefusesWhatIsUnsound) {
  const std::vector<std::string_view> pairs = {"t", "20", "u", "c"};
  StreamBlock block = NewBlock({1000, 5}, pairs);
  for (uint64_t i = 1; i < 10; ++i) AppendTo(block, {1000 + i, i % 3}, pairs);
  const std::string sound(block.listpack().view());
  std::free(block.pack);
  ASSERT_TRUE(ValidateBlock({1000, 5}, sound));
  EXPECT_FALSE(ValidateBlock({1000, 5}, sound.substr(0, sound.size() - 1)));
  // Any one byte changed: refused, or a block that can be walked.
  for (size_t at = 0; at < sound.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = sound;
      bytes[at] = static_cast<char>(bytes[at] ^ 1 << bit);
      auto changed = ValidateBlock({1000, 5}, bytes);
      if (!changed) continue;
      const Listpack pack = Listpack::Copy(bytes);
      changed->pack = pack.block();
      BlockWalk walk(*changed);
      uint32_t entries = 0;
      for (bool any = walk.ToFirst(); any; any = walk.Next()) ++entries;
      EXPECT_EQ(entries, changed->entries);
      for (bool any = walk.ToLast(); any; any = walk.Previous()) --entries;
      EXPECT_EQ(entries, 0u);
      std::free(changed->pack);
    }
  }
}

TEST(Stream, LoadsBlocksOnlyInOrder) {
  const std::vector<std::string_view> pairs = {"f", "v"};
  StreamBlock block = NewBlock({5, 0}, pairs);
  AppendTo(block, {9, 0}, pairs);
  const std::string bytes(block.listpack().view());
  std::free(block.pack);
  Stream stream;
  EXPECT_TRUE(stream.LoadBlock({5, 0}, bytes));
  EXPECT_FALSE(stream.LoadBlock({5, 0}, bytes));
  EXPECT_FALSE(stream.LoadBlock({9, 0}, bytes));
  EXPECT_FALSE(stream.LoadBlock({20, 0}, "nonsense"));
  EXPECT_TRUE(stream.LoadBlock({9, 1}, bytes));
  EXPECT_EQ(stream.length(), 4u);
}

}  // namespace
}  // namespace henge::store
