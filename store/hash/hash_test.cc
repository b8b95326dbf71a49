// SPDX-License-Identifier: Apache-2.0
#include "store/hash/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace henge::store {
namespace {

struct Free {
  void operator()(Entry* entry) const { Entry::Free(entry); }
};
using OwnedEntry = std::unique_ptr<Entry, Free>;

std::string TextOf(const FieldText& text) {
  ListpackElement::Digits digits;
  return std::string(text.Text(digits));
}

class HashTest : public ::testing::Test {
 protected:
  HashTest() : entry_(Entry::NewCollection("key", Type::kHash)) {}
  Hash At(UnixMillis now = 1) { return Hash(*entry_, limits_, now); }
  std::map<std::string, std::string> All(UnixMillis now = 1) {
    std::map<std::string, std::string> all;
    At(now).ForEach([&](const FieldText& field, const FieldText& value) {
      all[TextOf(field)] = TextOf(value);
    });
    return all;
  }

  EncodingLimits limits_;
  OwnedEntry entry_;
};

TEST_F(HashTest, BecomesATableForLongOrManyTexts) {
  for (int i = 0; i < 512; ++i) EXPECT_TRUE(At().Set(std::to_string(i), "value"));
  EXPECT_EQ(entry_->encoding(), Encoding::kListpack);
  EXPECT_TRUE(At().Set("one more", "value"));
  EXPECT_EQ(entry_->encoding(), Encoding::kHashtable);
  EXPECT_EQ(At().size(), 513u);

  entry_.reset(Entry::NewCollection("key", Type::kHash));
  EXPECT_TRUE(At().Set("field", std::string(64, 'x')));
  EXPECT_EQ(entry_->encoding(), Encoding::kListpack);
  EXPECT_FALSE(At().Set("field", std::string(65, 'x')));
  EXPECT_EQ(entry_->encoding(), Encoding::kHashtable);
  EXPECT_EQ(TextOf(*At().Get("field")), std::string(65, 'x'));
}

TEST_F(HashTest, ExpiredFieldsAreNotSeen) {
  for (const bool table : {false, true}) {
    entry_.reset(Entry::NewCollection("key", Type::kHash));
    if (table) At().Set(std::string(65, 'f'), "");
    At().Set("a", "1");
    At().Set("b", "2");
    At().SetDeadline("a", 100);
    EXPECT_EQ(entry_->member_deadline(), 100);
    EXPECT_TRUE(At(100).Has("a"));
    EXPECT_FALSE(At(101).Has("a"));
    EXPECT_FALSE(At(101).DeadlineOf("a"));
    EXPECT_EQ(At(101).DeadlineOf("b"), kNoExpiry);
    EXPECT_TRUE(At(101).IsExpired("a"));
    EXPECT_EQ(At(101).ExpiredCount(), 1u);
    EXPECT_EQ(All(101).count("a"), 0u);
    std::vector<std::string> names;
    At(101).DeleteExpired(10, names);
    EXPECT_EQ(names, std::vector<std::string>{"a"});
    EXPECT_EQ(entry_->member_deadline(), kNoExpiry);
    EXPECT_EQ(entry_->encoding(), table ? Encoding::kHashtable : Encoding::kListpackEx);
  }
}

TEST_F(HashTest, SettingAFieldDropsItsDeadlineUnlessAsked) {
  for (const bool table : {false, true}) {
    entry_.reset(Entry::NewCollection("key", Type::kHash));
    if (table) At().Set(std::string(65, 'f'), "");
    At().Set("a", "1");
    At().SetDeadline("a", 100);
    EXPECT_FALSE(At().Set("a", "2", Hash::Deadline::kKeep));
    EXPECT_EQ(At().DeadlineOf("a"), 100);
    EXPECT_TRUE(At(200).Set("a", "3", Hash::Deadline::kKeep));  // Had expired: a new field.
    EXPECT_EQ(At(200).DeadlineOf("a"), kNoExpiry);
    At().SetDeadline("a", 300);
    EXPECT_FALSE(At().Set("a", "4"));
    EXPECT_EQ(At().DeadlineOf("a"), kNoExpiry);
  }
}

TEST_F(HashTest, DrawsEveryFieldAsOftenAsAnyOther) {
  for (const size_t fields : {40, 400, 3000}) {
    limits_.hash_max_listpack_entries = 50;
    entry_.reset(Entry::NewCollection("key", Type::kHash));
    for (size_t i = 0; i < fields; ++i) At().Set(std::to_string(i), "v");
    Random random(fields);
    std::map<std::string, double> counts;
    const double each = 200;
    At().DrawAny(random, static_cast<uint64_t>(each) * fields,
                 [&](const FieldText& field, const FieldText&) { counts[TextOf(field)] += 1; });
    double chi_square = 0;
    for (const auto& [name, count] : counts) chi_square += (count - each) * (count - each) / each;
    EXPECT_EQ(counts.size(), fields);
    // Its mean is the degrees of freedom, its variance twice that.
    const auto freedom = static_cast<double>(fields - 1);
    EXPECT_LT(chi_square, freedom + 6 * std::sqrt(2 * freedom)) << fields;
  }
}

TEST_F(HashTest, DrawsDifferentFields) {
  for (const size_t fields : {40, 400}) {
    limits_.hash_max_listpack_entries = 50;
    entry_.reset(Entry::NewCollection("key", Type::kHash));
    for (size_t i = 0; i < fields; ++i) At().Set(std::to_string(i), "v");
    for (size_t i = 0; i < fields; i += 2) At().SetDeadline(std::to_string(i), 10);
    Random random(1);
    for (const uint64_t count : {uint64_t{1}, uint64_t{3}, fields / 4, fields / 2}) {
      std::set<std::string> drawn;
      At(20).DrawDifferent(random, count, [&](const FieldText& field, const FieldText&) {
        EXPECT_TRUE(drawn.insert(TextOf(field)).second);
      });
      EXPECT_EQ(drawn.size(), count);
      for (const std::string& name : drawn) EXPECT_EQ(std::stoi(name) % 2, 1);
    }
  }
}

TEST_F(HashTest, DrawsFromTheFewThatHaveNotExpired) {
  limits_.hash_max_listpack_entries = 0;
  for (int i = 0; i < 5000; ++i) {
    At().Set(std::to_string(i), "v");
    if (i != 7) At().SetDeadline(std::to_string(i), i == 8 ? 1000 : 10);
  }
  Random random(1);
  std::set<std::string> drawn;
  At(20).DrawAny(random, 100,
                 [&](const FieldText& field, const FieldText&) { drawn.insert(TextOf(field)); });
  EXPECT_EQ(drawn, (std::set<std::string>{"7", "8"}));
}

// Random changes against a map, with every invariant checked.
class HashModelTest : public HashTest, public ::testing::WithParamInterface<int> {
 protected:
  struct Field {
    std::string value;
    UnixMillis deadline = kNoExpiry;
  };

  std::string Name() { return std::to_string(random_.Below(names_)); }
  std::string Value() {
    constexpr size_t kSizes[] = {0, 3, 20, 64, 65, 300, 4096, 4097, 20000};
    const size_t size = kSizes[random_.Below(long_values_ ? 9 : 4)];
    if (random_.Below(3) == 0) return std::to_string(random_.Next() >> random_.Below(64));
    return std::string(size, static_cast<char>('a' + random_.Below(26)));
  }
  bool Live(const std::string& name) const {
    const auto it = model_.find(name);
    return it != model_.end() && (it->second.deadline == kNoExpiry || it->second.deadline >= now_);
  }
  void Step();
  void Check();

  Random random_{static_cast<uint64_t>(GetParam())};
  uint64_t names_ = 1 + random_.Below(GetParam() % 3 == 0 ? 2000 : 60);
  bool long_values_ = GetParam() % 2 == 0;
  UnixMillis now_ = 1000;
  std::map<std::string, Field> model_;
};

void HashModelTest::Step() {
  Hash hash = At(now_);
  const std::string name = Name();
  switch (random_.Below(10)) {
    case 0:
    case 1:
    case 2: {
      const std::string value = Value();
      EXPECT_EQ(hash.Set(name, value), !Live(name));
      model_[name] = {value};
      break;
    }
    case 3: {
      const std::string value = Value();
      const bool live = Live(name);
      const UnixMillis kept = live ? model_[name].deadline : kNoExpiry;
      EXPECT_EQ(hash.Set(name, value, Hash::Deadline::kKeep), !live);
      model_[name] = {value, kept};
      break;
    }
    case 4:
      EXPECT_EQ(hash.Delete(name), model_.erase(name) > 0);
      break;
    case 5:
    case 6:
    case 7: {
      if (!Live(name)) break;
      const bool persists = random_.Below(4) == 0;
      const UnixMillis at =
          persists ? kNoExpiry : now_ + static_cast<UnixMillis>(random_.Below(50));
      hash.SetDeadline(name, at);
      model_[name].deadline = at;
      break;
    }
    case 8:
      now_ += static_cast<UnixMillis>(random_.Below(5));
      break;
    default: {
      std::vector<std::string> names;
      hash.DeleteExpired(random_.Below(20), names);
      for (const std::string& expired : names) {
        EXPECT_TRUE(model_.contains(expired) && !Live(expired));
        model_.erase(expired);
      }
    }
  }
}

void HashModelTest::Check() {
  const Hash hash = At(now_);
  ASSERT_EQ(hash.size(), model_.size());
  std::map<std::string, Field> found;
  hash.ForEachWithDeadline([&](const FieldText& field, const FieldText& value, UnixMillis at) {
    found[TextOf(field)] = {TextOf(value), at};
  });
  ASSERT_EQ(found.size(), model_.size());
  size_t expired = 0;
  UnixMillis earliest = kNoExpiry;
  for (const auto& [name, field] : model_) {
    ASSERT_EQ(found[name].value, field.value);
    ASSERT_EQ(found[name].deadline, field.deadline);
    expired += Live(name) ? 0 : 1;
    ASSERT_EQ(hash.Has(name), Live(name));
    ASSERT_EQ(hash.IsExpired(name), !Live(name));
    if (field.deadline == kNoExpiry) continue;
    earliest = earliest == kNoExpiry ? field.deadline : std::min(earliest, field.deadline);
  }
  ASSERT_EQ(hash.ExpiredCount(), expired);
  ASSERT_EQ(entry_->member_deadline(), earliest);
  uint64_t visited = 0;
  std::map<std::string, std::string> scanned;
  uint64_t cursor = 0;
  do {
    cursor = hash.Scan(cursor, visited, [&](const FieldText& field, const FieldText& value) {
      EXPECT_TRUE(scanned.emplace(TextOf(field), TextOf(value)).second);
    });
  } while (cursor != 0);
  ASSERT_EQ(scanned, All(now_));
}

TEST_P(HashModelTest, AgreesWithAMap) {
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 100; ++i) Step();
    ASSERT_NO_FATAL_FAILURE(Check());
    if (round % 10 != 9) continue;
    // A copy is equal and its own.
    OwnedEntry copy(Entry::Copy(entry_.get(), "copy", kNoExpiry));
    EXPECT_EQ(copy->member_deadline(), entry_->member_deadline());
    EXPECT_LE(copy->MemoryBytes(), entry_->MemoryBytes() + 16);  // The key is another.
    std::swap(copy, entry_);
    ASSERT_NO_FATAL_FAILURE(Check());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HashModelTest, ::testing::Range(1, 25));

}  // namespace
}  // namespace henge::store
