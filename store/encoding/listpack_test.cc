// SPDX-License-Identifier: Apache-2.0
#include "store/encoding/listpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.h"

namespace henge::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListpackTest : public ::testing::Test {
 protected:
  ~ListpackTest() override { std::free(pack_.block()); }

  static std::vector<std::string> Texts(const Listpack& pack) {
    std::vector<std::string> texts;
    for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
      ListpackElement::Digits digits;
      texts.emplace_back(pack.Get(at).Text(digits));
    }
    return texts;
  }
  std::string Bytes() const { return std::string(pack_.view()); }

  Listpack pack_ = Listpack::New();
};

TEST_F(ListpackTest, HasRedisBytes) {
  pack_.Append("a");
  pack_.Append("1");
  pack_.Append("-1");
  pack_.Append("300");
  pack_.Append("100000");
  EXPECT_EQ(Bytes(), std::string("\x17\x00\x00\x00\x05\x00"
                                 "\x81"
                                 "a\x02"
                                 "\x01\x01"
                                 "\xdf\xff\x02"
                                 "\xc1\x2c\x02"
                                 "\xf2\xa0\x86\x01\x04"
                                 "\xff",
                                 23));
  EXPECT_EQ(Listpack::Validate(Bytes()), 5u);
}

TEST_F(ListpackTest, KeepsEveryKindOfInteger) {
  const int64_t edges[] = {0,         127,       128,       -1,        -4096,     4095,
                           4096,      -4097,     INT16_MIN, INT16_MAX, 32768,     -32769,
                           8388607,   -8388608,  8388608,   -8388609,  INT32_MAX, INT32_MIN,
                           INT64_MAX, INT64_MIN, 2147483648};
  for (const int64_t edge : edges) {
    const auto at = pack_.Append(std::to_string(edge));
    EXPECT_TRUE(pack_.Get(at).is_integer());
    EXPECT_EQ(pack_.Get(at).integer, edge);
    EXPECT_EQ(pack_.Find(std::to_string(edge), pack_.First()), at) << edge;
  }
  EXPECT_EQ(Listpack::Validate(Bytes()), std::size(edges));
}

TEST_F(ListpackTest, KeepsWhatOnlyLooksLikeAnInteger) {
  for (const std::string_view text : {"", "01", "+1", "-0", " 1", "9223372036854775808", "1.0"}) {
    EXPECT_FALSE(pack_.Get(pack_.Append(text)).is_integer()) << text;
  }
}

TEST_F(ListpackTest, WalksBackAcrossEverySizeOfLength) {
  std::vector<std::string> texts;
  for (const size_t size : {0, 63, 64, 125, 126, 127, 4095, 4096, 16376, 16377, 16378, 16379, 16380,
                            2097140, 2097145, 2097146, 2097150}) {
    texts.emplace_back(size, 'x');
    pack_.Append(texts.back());
  }
  EXPECT_EQ(Listpack::Validate(Bytes()), texts.size());
  auto at = pack_.Last();
  for (size_t i = texts.size(); i-- > 0; at = pack_.Prev(at)) {
    ASSERT_NE(at, Listpack::kNone);
    EXPECT_TRUE(pack_.Equals(at, texts[i])) << texts[i].size();
  }
  EXPECT_EQ(at, Listpack::kNone);
}

// Texts that differ late, or are each other's beginnings, at all distances from the block's end.
TEST_F(ListpackTest, FindsWhatALookAtEachFinds) {
  const std::string stem = "a-beginning-of-many-letters-";
  std::vector<std::string> texts = {"",
                                    "a",
                                    "7",
                                    "-7",
                                    "128",
                                    "70000",
                                    std::string(63, 'x'),
                                    std::string(64, 'x'),
                                    std::string(65, 'x'),
                                    std::string(5000, 'x')};
  for (size_t size = 1; size <= stem.size(); ++size) texts.push_back(stem.substr(0, size));
  for (char last : {'a', 'b'}) texts.push_back(stem + last);
  for (size_t kept = texts.size(); kept > 0; --kept) {
    std::free(pack_.block());
    pack_ = Listpack::New();
    for (size_t i = 0; i < kept; ++i) pack_.Append(texts[texts.size() - 1 - i]);
    for (const std::string& text : texts) {
      Listpack::At wanted = pack_.First();
      while (wanted != Listpack::kNone && !pack_.Equals(wanted, text)) wanted = pack_.Next(wanted);
      EXPECT_EQ(pack_.Find(text, pack_.First()), wanted) << text << " among " << kept;
    }
  }
}

TEST_F(ListpackTest, FindsFieldsOnly) {
  for (const std::string_view text : {"a", "b", "b", "c", "5", "5"}) pack_.Append(text);
  EXPECT_EQ(pack_.Find("b", pack_.First(), 1), pack_.Seek(2));
  EXPECT_EQ(pack_.Find("c", pack_.First(), 1), Listpack::kNone);
  EXPECT_EQ(pack_.Find("5", pack_.First(), 1), pack_.Seek(4));
}

TEST_F(ListpackTest, TakesItsOwnElementAsText) {
  pack_.Append("first");
  pack_.Append("second, which is longer");
  const ListpackElement element = pack_.Get(pack_.Last());
  pack_.Prepend(std::string_view(element.data, element.size));
  EXPECT_THAT(Texts(pack_),
              ElementsAre("second, which is longer", "first", "second, which is longer"));
}

TEST_F(ListpackTest, SplitsAndJoins) {
  for (int i = 0; i < 5; ++i) pack_.Append(int64_t{i});
  Listpack tail = pack_.Split(pack_.Seek(3));
  EXPECT_THAT(Texts(pack_), ElementsAre("0", "1", "2"));
  EXPECT_THAT(Texts(tail), ElementsAre("3", "4"));
  EXPECT_EQ(tail.size(), 2u);
  tail.Concatenate(pack_);
  EXPECT_THAT(Texts(tail), ElementsAre("3", "4", "0", "1", "2"));
  EXPECT_EQ(Listpack::Validate(tail.view()), 5u);
  std::free(tail.block());
}

TEST_F(ListpackTest, CountsPastItsHeader) {
  for (int i = 0; i < 70000; ++i) pack_.Append(int64_t{i & 63});
  EXPECT_EQ(pack_.size(), 70000u);
  EXPECT_EQ(Listpack::Validate(Bytes()), 70000u);
  EXPECT_EQ(pack_.Erase(pack_.First(), 70000), Listpack::kNone);
  EXPECT_TRUE(pack_.empty());
  EXPECT_EQ(pack_.size(), 0u);
}

std::string AnyText(Random& random) {
  switch (random.Below(4)) {
    case 0:
      return std::to_string(static_cast<int64_t>(random.Next()) >> random.Below(64));
    case 1:
      return std::string(random.Below(300), static_cast<char>(random.Below(256)));
    case 2:
      return std::string(random.Below(6000), 'y');
    default:
      return std::string(random.Below(4), static_cast<char>('0' + random.Below(10)));
  }
}

TEST_F(ListpackTest, BehavesAsAVectorOfStrings) {
  Random random(20260);
  std::vector<std::string> model;
  for (int step = 0; step < 4000; ++step) {
    const auto index = static_cast<int64_t>(random.Below(model.size() + 1));
    const auto place = model.begin() + index;
    const auto at = pack_.Seek(index);
    const uint64_t action = random.Below(model.size() > 60 ? 4 : 3);
    if (action < 2 || at == Listpack::kNone) {
      const std::string text = AnyText(random);
      pack_.Insert(at == Listpack::kNone ? pack_.End() : at, text);
      model.insert(place, text);
    } else if (action == 2) {
      *place = AnyText(random);
      pack_.Replace(at, *place);
    } else {
      const auto count = static_cast<uint32_t>(random.Below(5));
      pack_.Erase(at, count);
      model.erase(place, place + std::min<int64_t>(count, model.end() - place));
    }
    if (step % 50 != 0) continue;
    ASSERT_EQ(Texts(pack_), model);
    ASSERT_EQ(Listpack::Validate(Bytes()), model.size());
    ASSERT_EQ(pack_.size(), model.size());
    ASSERT_EQ(pack_.MemoryBytes(), AllocationSize(pack_.bytes()));
  }
}

TEST_F(ListpackTest, KnowsAtAGlanceWhatItDoesNotHold) {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> model;
    std::free(pack_.block());
    pack_ = Listpack::New();
    for (uint64_t n = random.Below(40); n > 0; --n) {
      model.push_back(random.Below(2) == 0 ? AnyText(random) : "element:" + std::to_string(n));
      pack_.Append(model.back());
    }
    for (const std::string& text : model) {
      EXPECT_TRUE(pack_.MayMatch(Listpack::Pattern(text)));
      const std::string other = text + "x";
      const bool there = std::find(model.begin(), model.end(), other) != model.end();
      if (there) {
        EXPECT_TRUE(pack_.MayMatch(Listpack::Pattern(other)));
      }
    }
    for (const std::string_view absent :
         {"element:77", "12345678901", "\xf1\x01 and more", "-7x"}) {
      EXPECT_FALSE(pack_.MayMatch(Listpack::Pattern(absent))) << absent;
    }
  }
}

TEST_F(ListpackTest, RefusesDamage) {
  for (const std::string_view text : {"hello", "12345", "7"}) pack_.Append(text);
  pack_.Append(std::string(200, 'x'));
  const std::string sound = Bytes();
  EXPECT_FALSE(Listpack::Validate(sound.substr(0, sound.size() - 1)));
  EXPECT_FALSE(Listpack::Validate(sound + "x"));
  EXPECT_FALSE(Listpack::Validate(""));
  Random random(7);
  for (int i = 0; i < 20000; ++i) {  // Sound or not, it must not read outside (ASan sees to that).
    std::string damaged = sound;
    damaged[random.Below(damaged.size())] = static_cast<char>(random.Next());
    if (const auto count = Listpack::Validate(damaged)) {
      Listpack copy = Listpack::Copy(damaged);
      EXPECT_EQ(Texts(copy).size(), *count);
      std::free(copy.block());
    }
  }
}

}  // namespace
}  // namespace henge::store
