// SPDX-License-Identifier: Apache-2.0
#include "store/list/list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/store.h"

namespace henge::store {
namespace {

using ::testing::ElementsAre;

class ListTest : public ::testing::Test {
 protected:
  ~ListTest() override { Entry::Free(entry_); }

  void SetFill(int64_t fill) { store_.settings().encodings.list_max_listpack_size = fill; }
  void SetLarge(int64_t size) { store_.settings().encodings.list_packed_threshold = size; }
  List Handle() { return List(*entry_, store_); }
  bool packed() const { return entry_->encoding() == Encoding::kListpack; }
  const Quicklist& quicklist() const { return *static_cast<Quicklist*>(entry_->object()); }

  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    const List list = Handle();
    list.Walk(0, list.size(), [&](const ListpackElement& element) {
      ListpackElement::Digits digits;
      texts.emplace_back(element.Text(digits));
    });
    return texts;
  }
  std::vector<uint32_t> NodeSizes() const {
    std::vector<uint32_t> sizes;
    auto at = quicklist().index().First();
    do {
      sizes.push_back(quicklist().index().At(at).count);
    } while (quicklist().index().Next(at));
    return sizes;
  }
  void Fill(int n) {
    for (int i = 0; i < n; ++i) Handle().Push(ListEnd::kTail, std::to_string(i));
  }

  Store store_{StoreOptions{}};
  Entry* entry_ = Entry::NewCollection("k", Type::kList);
};

TEST_F(ListTest, KeepsOrder) {
  Handle().Push(ListEnd::kHead, "a");
  const std::string_view more[] = {"b", "1"};
  Handle().Push(ListEnd::kHead, more);
  Handle().Push(ListEnd::kTail, more);
  EXPECT_THAT(Texts(), ElementsAre("1", "b", "a", "b", "1"));
  EXPECT_TRUE(packed());
}

TEST_F(ListTest, OutgrowsTheListpackByCount) {
  SetFill(3);
  Fill(3);
  EXPECT_TRUE(packed());
  Fill(1);
  EXPECT_FALSE(packed());
  EXPECT_THAT(NodeSizes(), ElementsAre(3, 1));
}

TEST_F(ListTest, OutgrowsTheListpackByBytes) {
  const std::string kilobyte(1000, 'x');
  for (int i = 0; i < 8; ++i) Handle().Push(ListEnd::kTail, kilobyte);
  EXPECT_TRUE(packed());  // 7 + 8 * 1004 bytes and another 1000 would not fit.
  Handle().Push(ListEnd::kTail, kilobyte);
  EXPECT_FALSE(packed());
  EXPECT_THAT(NodeSizes(), ElementsAre(8, 1));
}

TEST_F(ListTest, BecomesAListpackAgainAtHalfTheLimit) {
  SetFill(4);
  Fill(5);
  Handle().Pop(ListEnd::kTail);
  EXPECT_FALSE(packed());  // One node, but of four.
  Handle().Pop(ListEnd::kHead);
  EXPECT_FALSE(packed());
  Handle().Pop(ListEnd::kHead);
  EXPECT_TRUE(packed());
  EXPECT_THAT(Texts(), ElementsAre("2", "3"));
}

TEST_F(ListTest, SplitsAFullNodeForAnInsertion) {
  SetFill(4);
  Fill(8);
  EXPECT_TRUE(Handle().Insert("1", true, "x"));
  EXPECT_THAT(NodeSizes(), ElementsAre(2, 3, 4));
  EXPECT_THAT(Texts(), ElementsAre("0", "1", "x", "2", "3", "4", "5", "6", "7"));
  EXPECT_TRUE(Handle().Insert("4", false, "y"));  // The node before has room.
  EXPECT_THAT(NodeSizes(), ElementsAre(2, 4, 4));
  EXPECT_FALSE(Handle().Insert("absent", false, "y"));
}

TEST_F(ListTest, GivesLargeElementsANodeOfTheirOwn) {
  SetFill(4);
  SetLarge(10);
  Fill(6);
  const std::string large(10, 'l');
  EXPECT_TRUE(Handle().Set(1, large));
  EXPECT_THAT(NodeSizes(), ElementsAre(1, 1, 2, 2));
  EXPECT_TRUE(Handle().Set(1, "1"));
  EXPECT_THAT(Texts(), ElementsAre("0", "1", "2", "3", "4", "5"));
  EXPECT_TRUE(Handle().Insert("3", false, large));
  EXPECT_THAT(Texts(), ElementsAre("0", "1", "2", large, "3", "4", "5"));
}

TEST_F(ListTest, RemovesFromEitherEnd) {
  const std::string_view texts[] = {"a", "b", "a", "c", "a"};
  Handle().Push(ListEnd::kTail, texts);
  EXPECT_EQ(Handle().Remove("a", 1, ListEnd::kTail), 1u);
  EXPECT_THAT(Texts(), ElementsAre("a", "b", "a", "c"));
  EXPECT_EQ(Handle().Remove("a", 1, ListEnd::kHead), 1u);
  EXPECT_THAT(Texts(), ElementsAre("b", "a", "c"));
  EXPECT_EQ(Handle().Remove("x", 9, ListEnd::kHead), 0u);
}

TEST_F(ListTest, ManyPushedAtOnceStandAsIfOneByOne) {
  Random random(3);
  for (const int64_t fill : {-2, -1, 5, 100}) {
    SetFill(fill);
    SetLarge(5000);
    Entry* one_by_one = Entry::NewCollection("k", Type::kList);
    Entry::Free(std::exchange(entry_, Entry::NewCollection("k", Type::kList)));
    for (int round = 0; round < 40; ++round) {
      std::vector<std::string> texts;
      for (uint64_t n = random.Below(300); n > 0; --n) {
        const uint64_t size = random.Below(50) == 0 ? random.Below(9000) : random.Below(60);
        texts.push_back(random.Below(3) == 0 ? std::to_string(random.Next() >> random.Below(64))
                                             : std::string(size, 'e'));
      }
      const std::vector<std::string_view> views(texts.begin(), texts.end());
      if (packed()) {  // What many make of a listpack is another matter.
        for (const std::string_view text : views) Handle().Push(ListEnd::kTail, text);
      } else {
        Handle().Push(ListEnd::kTail, views);
      }
      for (const std::string_view text : views)
        List(*one_by_one, store_).Push(ListEnd::kTail, text);
    }
    const std::vector<uint32_t> sizes = NodeSizes();
    std::swap(entry_, one_by_one);
    EXPECT_EQ(sizes, NodeSizes());
    const std::vector<std::string> texts = Texts();
    std::swap(entry_, one_by_one);
    EXPECT_EQ(texts, Texts());
    EXPECT_EQ(entry_->MemoryBytes(), one_by_one->MemoryBytes());
    Entry::Free(one_by_one);
  }
}

TEST_F(ListTest, FindsWhatStandsAnywhere) {
  List list = Handle();
  constexpr uint64_t kElements = 5000;
  for (uint64_t i = 0; i < kElements; ++i) {
    const std::string text = i % 7 == 0 ? std::to_string(i * 1000) : "element:" + std::to_string(i);
    list.Push(ListEnd::kTail, text);
  }
  const auto find = [&](std::string_view text, ListEnd from, uint64_t most) {
    std::optional<uint64_t> found;
    list.FindEach(text, from, most, [&](uint64_t index) {
      found = index;
      return false;
    });
    return found;
  };
  for (const uint64_t i : {uint64_t{1}, uint64_t{2000}, kElements - 1}) {
    const std::string text = "element:" + std::to_string(i);
    for (const ListEnd from : {ListEnd::kHead, ListEnd::kTail}) {
      const uint64_t passed = from == ListEnd::kHead ? i : kElements - 1 - i;
      EXPECT_EQ(find(text, from, UINT64_MAX), i);
      EXPECT_EQ(find(text, from, passed + 1), i);
      EXPECT_EQ(find(text, from, passed), std::nullopt);
    }
  }
  EXPECT_EQ(find("4900000", ListEnd::kTail, UINT64_MAX), 4900u);
  // Part of an element, or of two, is none.
  for (const std::string_view text : {"element:", "lement:1", "element:1000000", "49000001", ""}) {
    EXPECT_EQ(find(text, ListEnd::kHead, UINT64_MAX), std::nullopt) << text;
  }
}

TEST_F(ListTest, CopiesWithItsEncoding) {
  SetFill(2);
  Fill(5);
  Entry* copy = Entry::Copy(entry_, "other", kNoExpiry);
  EXPECT_EQ(copy->encoding(), Encoding::kQuicklist);
  List list(*copy, store_);
  list.Pop(ListEnd::kHead);
  EXPECT_EQ(list.size(), 4u);
  EXPECT_EQ(Handle().size(), 5u);
  Entry::Free(copy);
}

TEST_F(ListTest, CountsItsMemory) {
  SetFill(5);
  Fill(1000);
  size_t bytes = AllocationSize(sizeof(Quicklist)) + quicklist().index().MemoryBytes();
  auto at = quicklist().index().First();
  do {
    bytes += UsableSize(quicklist().AllocationOf(at));
  } while (quicklist().index().Next(at));
  EXPECT_EQ(OperationsOf(Type::kList).memory(entry_->encoding(), entry_->object()), bytes);
  Handle().Erase(1, 999);
  EXPECT_TRUE(packed());
  EXPECT_EQ(entry_->MemoryBytes(), UsableSize(entry_) + UsableSize(entry_->object()));
}

// --- Against a model ----------------------------------------------------------------------------

class Model : public ListTest, public ::testing::WithParamInterface<uint64_t> {
 protected:
  using Deque = std::deque<std::string>;

  std::string RandomText() {
    switch (random_.Below(6)) {
      case 0:
        return std::to_string(static_cast<int64_t>(random_.Next()) >> random_.Below(64));
      case 1:
        return std::string(random_.Below(200), 'x');
      case 2:
        return std::string(random_.Below(40) == 0 ? 9000 : 70, 'y');
      default:
        return "e" + std::to_string(random_.Below(20));
    }
  }
  uint64_t RandomIndex() { return random_.Below(model_.size()); }
  ListEnd RandomEnd() { return random_.Below(2) == 0 ? ListEnd::kHead : ListEnd::kTail; }

  void Push() {
    std::vector<std::string> texts(1 + random_.Below(random_.Below(10) == 0 ? 100 : 4));
    for (std::string& text : texts) text = RandomText();
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    const ListEnd end = RandomEnd();
    Handle().Push(end, views);
    for (const std::string& text : texts) {
      end == ListEnd::kHead ? model_.push_front(text) : model_.push_back(text);
    }
  }
  void Pop() {
    const ListEnd end = RandomEnd();
    Handle().Pop(end);
    end == ListEnd::kHead ? model_.pop_front() : model_.pop_back();
  }
  void Rotate() {
    const ListEnd from = RandomEnd();
    const ListEnd to = RandomEnd();
    Handle().Rotate(from, to);
    const std::string text = from == ListEnd::kHead ? model_.front() : model_.back();
    from == ListEnd::kHead ? model_.pop_front() : model_.pop_back();
    to == ListEnd::kHead ? model_.push_front(text) : model_.push_back(text);
  }
  void Insert() {
    const std::string pivot = model_[RandomIndex()];
    const std::string text = RandomText();
    const bool after = random_.Below(2) == 0;
    EXPECT_TRUE(Handle().Insert(pivot, after, text));
    const auto at = std::find(model_.begin(), model_.end(), pivot);
    model_.insert(after ? at + 1 : at, text);
  }
  void Set() {
    const uint64_t index = RandomIndex();
    const std::string text = RandomText();
    EXPECT_TRUE(Handle().Set(index, text));
    model_[index] = text;
  }
  void Remove() {
    const std::string text = model_[RandomIndex()];
    const uint64_t limit = random_.Below(2) == 0 ? UINT64_MAX : 1 + random_.Below(5);
    const ListEnd from = RandomEnd();
    uint64_t removed = 0;
    const auto drop = [&](auto begin, auto end) {
      return std::remove_if(begin, end, [&](const std::string& other) {
        return removed < limit && other == text && ++removed > 0;
      });
    };
    if (from == ListEnd::kHead) {
      model_.erase(drop(model_.begin(), model_.end()), model_.end());
    } else {
      model_.erase(model_.begin(), drop(model_.rbegin(), model_.rend()).base());
    }
    EXPECT_EQ(Handle().Remove(text, limit, from), removed);
  }
  void Trim() {
    const uint64_t first = random_.Below(1 + model_.size() / 8);
    const uint64_t count = model_.size() - first - random_.Below(1 + model_.size() / 8);
    Handle().Trim(first, count);
    model_ = Deque(model_.begin() + static_cast<ptrdiff_t>(first),
                   model_.begin() + static_cast<ptrdiff_t>(std::min(model_.size(), first + count)));
  }
  void Find() {
    const std::string text = model_[RandomIndex()];
    const ListEnd from = RandomEnd();
    std::vector<uint64_t> expected;
    for (size_t i = 0; i < model_.size(); ++i) {
      if (model_[i] == text) expected.push_back(i);
    }
    if (from == ListEnd::kTail) std::reverse(expected.begin(), expected.end());
    std::vector<uint64_t> found;
    Handle().FindEach(text, from, UINT64_MAX, [&](uint64_t index) {
      found.push_back(index);
      return true;
    });
    EXPECT_EQ(found, expected);
  }

  void Check() {
    ASSERT_EQ(Handle().size(), model_.size());
    ASSERT_EQ(Texts(), std::vector<std::string>(model_.begin(), model_.end()));
    std::vector<std::string> backwards;
    if (!model_.empty()) {
      const uint64_t from = RandomIndex();
      Handle().WalkBack(from, from + 1, [&](const ListpackElement& element) {
        ListpackElement::Digits digits;
        backwards.emplace_back(element.Text(digits));
      });
      std::reverse(backwards.begin(), backwards.end());
      ASSERT_EQ(backwards, std::vector<std::string>(
                               model_.begin(), model_.begin() + static_cast<ptrdiff_t>(from) + 1));
    }
    if (!packed()) CheckNodes();
  }
  void CheckNodes() {
    size_t blocks = 0;
    const NodeIndex& index = quicklist().index();
    auto at = index.First();
    size_t nodes = 0;
    do {
      const ListNode& node = index.At(at);
      ASSERT_GT(node.count, 0u);
      blocks += node.plain ? AllocationSize(node.bytes) : UsableSize(quicklist().AllocationOf(at));
      ++nodes;
      if (node.plain) continue;
      ASSERT_EQ(Listpack::Validate(node.pack().view()), node.count);
      ASSERT_EQ(node.pack().bytes(), node.bytes);
    } while (index.Next(at));
    ASSERT_EQ(nodes, index.nodes());
    ASSERT_EQ(blocks + index.MemoryBytes() + AllocationSize(sizeof(Quicklist)),
              quicklist().MemoryBytes());
  }

  Random random_{GetParam()};
  Deque model_;
};

TEST_P(Model, ListsDoWhatADequeDoes) {
  const int64_t fills[] = {-2, 1, 2, 5, 128, -1};
  SetFill(fills[GetParam() % 6]);
  SetLarge(GetParam() % 4 == 0 ? 70 : kListPackedThreshold);
  for (int step = 0; step < 3000; ++step) {
    const uint64_t dice = random_.Below(100);
    if (model_.empty() || dice < 40 || (dice < 60 && step < 1000)) {
      Push();
    } else if (dice < 55) {
      Pop();
    } else if (dice < 60) {
      Rotate();
    } else if (dice < 75) {
      Insert();
    } else if (dice < 85) {
      Set();
    } else if (dice < 90) {
      Remove();
    } else if (dice < 91) {
      Trim();
    } else {
      Find();
    }
    if (HasFatalFailure()) return;
    if (step % 50 == 0) Check();
  }
  Check();
}

// Few elements, so that the first node is often the last, and all ways meet its head room.
TEST_P(Model, ListsAreQueuesAndStacks) {
  SetFill(GetParam() % 2 == 0 ? -1 : 8);
  for (int step = 0; step < 3000; ++step) {
    const uint64_t wanted = 20 + 200 * (step / 500 % 2);
    const uint64_t dice = random_.Below(100);
    if (model_.empty() || dice < (model_.size() < wanted ? 55u : 40u)) {
      Push();
    } else if (dice < 95) {
      Pop();
    } else if (dice < 97) {
      Rotate();
    } else if (dice < 98) {
      Remove();
    } else {
      dice == 98 ? Insert() : Set();
    }
    if (HasFatalFailure()) return;
    if (step % 25 == 0) Check();
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Model, ::testing::Range<uint64_t>(0, 24));

}  // namespace
}  // namespace henge::store
