// SPDX-License-Identifier: Apache-2.0
#include "commands/command_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace henge::commands {
namespace {

using Words = std::vector<std::string_view>;

// The keys of a call as "word:flags", or "misfit".
std::vector<std::string> KeysOf(const CommandSpec& spec, const Words& call) {
  std::vector<KeyPosition> found;
  if (!FindKeys(spec, call, found)) return {"misfit"};
  std::vector<std::string> out;
  for (const auto& [index, flags] : found) {
    out.push_back(std::string(call[static_cast<size_t>(index)]) + ":" + std::to_string(flags));
  }
  return out;
}

using Found = std::vector<std::string>;

TEST(FindKeys, TakesARange) {
  const CommandSpec spec{.keys = {keys::Range(1, -1, 2, kOW)}};
  EXPECT_EQ(KeysOf(spec, {"mset", "a", "1", "b", "2"}), (Found{"a:4", "b:4"}));
  EXPECT_EQ(KeysOf(spec, {"mset"}), Found{"misfit"});
}

TEST(FindKeys, TakesAsManyAsCounted) {
  const CommandSpec spec{.keys = {keys::One(1, kOW), keys::Counted(2, kRO)}};
  EXPECT_EQ(KeysOf(spec, {"zunionstore", "d", "2", "a", "b", "WEIGHTS"}),
            (Found{"d:4", "a:1", "b:1"}));
  for (const std::string_view count : {"0", "-1", "3", "x", "9223372036854775807"}) {
    EXPECT_EQ(KeysOf(spec, {"zunionstore", "d", count, "a", "b"}), Found{"misfit"}) << count;
  }
  EXPECT_EQ(KeysOf(spec, {"zunionstore", "d"}), Found{"misfit"});
}

TEST(FindKeys, BeginsAfterAKeyword) {
  KeySpec streams = keys::AfterKeyword("STREAMS", 1, kRO);
  streams.last = -1;
  streams.limit = 2;
  const CommandSpec spec{.keys = {streams}};
  EXPECT_EQ(KeysOf(spec, {"xread", "count", "1", "streams", "a", "b", "0", "0"}),
            (Found{"a:1", "b:1"}));
  EXPECT_EQ(KeysOf(spec, {"xread", "streams", "a"}), Found{"misfit"});
  EXPECT_EQ(KeysOf(spec, {"xread", "a", "0"}), Found{});
}

TEST(FindKeys, LooksForAKeywordFromTheEnd) {
  KeySpec keys = keys::AfterKeyword("KEYS", -2, kRW);
  keys.last = -1;
  const CommandSpec spec{.keys = {keys}};
  EXPECT_EQ(KeysOf(spec, {"migrate", "h", "1", "", "0", "9", "KEYS", "a", "b"}),
            (Found{"a:2", "b:2"}));
  EXPECT_EQ(KeysOf(spec, {"migrate", "KEYS", "1", "k", "0", "9"}), Found{});
}

TEST(FindKeys, LetsTheRowRefineWhatItFound) {
  const CommandSpec spec{
      .keys = {keys::One(1, kRO)},
      .refine_keys = [](std::span<const std::string_view> argv, std::vector<KeyPosition>& found) {
        found.push_back({static_cast<int>(argv.size()) - 1, kOW});
      }};
  EXPECT_EQ(KeysOf(spec, {"sort", "a", "STORE", "b"}), (Found{"a:1", "b:4"}));
}

TEST(CommandTable, WorksOutTheFirstKeyTheLastAndTheStep) {
  const CommandTable& table = CommandTable::Get();
  const auto triple = [&](std::string_view name) {
    const CommandInfo* info = table.Find(name);
    return std::vector<int>{info->first_key, info->last_key, info->key_step};
  };
  EXPECT_EQ(triple("get"), (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(triple("mset"), (std::vector<int>{1, -1, 2}));
  EXPECT_EQ(triple("rename"), (std::vector<int>{1, 2, 1}));
  EXPECT_EQ(triple("memory|usage"), (std::vector<int>{2, 2, 1}));
  EXPECT_EQ(triple("ping"), (std::vector<int>{0, 0, 0}));
}

TEST(CommandTable, SubcommandsStandBehindTheirContainer) {
  const std::span<const CommandInfo> all = CommandTable::Get().all();
  for (const CommandInfo& info : all) {
    for (size_t i = 0; i < info.spec->subcommands.size(); ++i) {
      EXPECT_EQ(all[static_cast<size_t>(info.index) + 1 + i].container, info.spec);
    }
  }
}

TEST(CommandTable, NamesEachCategoryAndFindsItByName) {
  for (uint32_t bit = 1; bit <= kCatScripting; bit <<= 1) {
    const auto names = CategoryNames(bit);
    ASSERT_EQ(names.size(), 1u);
    EXPECT_EQ(CategoryNamed(names[0]), bit);
  }
  EXPECT_EQ(CategoryNamed("@read"), 0u);
  EXPECT_EQ(CategoryNamed("nosuch"), 0u);
}

}  // namespace
}  // namespace henge::commands
