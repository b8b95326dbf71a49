// SPDX-License-Identifier: Apache-2.0
#include "commands/argument_sizes.h"

#include <gtest/gtest.h>

#include <vector>

#include "commands/command_table.h"

namespace henge::commands {
namespace {

// Nobody looks behind it.
std::string_view OfSize(size_t size) { return {"x", size}; }

bool IsRefused(std::vector<std::string_view> argv, size_t key = 1) {
  const CommandInfo* info = CommandTable::Get().Find(argv[0]);
  const store::Key name{.bytes = argv[key]};
  return HasOverlongArgument(*info->spec, argv, std::span(&name, 1));
}

TEST(ArgumentSizes, WhatGoesIntoCollectionsHasThirtyTwoBits) {
  const std::string_view most = OfSize(kLongestElement);
  const std::string_view more = OfSize(kLongestElement + 1);
  for (const std::vector<std::string_view>& call :
       std::vector<std::vector<std::string_view>>{{"sadd", "k", "a", most},
                                                  {"sismember", "k", most},
                                                  {"zadd", "k", "1", most},
                                                  {"zincrby", "k", "1", most},
                                                  {"geoadd", "k", "1", "1", most},
                                                  {"hset", "k", most, "v"},
                                                  {"hset", "k", "f", most},
                                                  {"hincrby", "k", most, "1"},
                                                  {"rpush", "k", most},
                                                  {"linsert", "k", "before", "a", most},
                                                  {"xadd", "k", "*", "f", most}}) {
    EXPECT_FALSE(IsRefused(call)) << call[0];
    std::vector<std::string_view> longer = call;
    for (std::string_view& word : longer) word = word.size() == most.size() ? more : word;
    EXPECT_TRUE(IsRefused(longer)) << call[0];
  }
}

TEST(ArgumentSizes, StringsAreAsLongAsTheyLike) {
  EXPECT_FALSE(IsRefused({"set", "k", OfSize(size_t{5} << 30)}));
  EXPECT_FALSE(IsRefused({"append", "k", OfSize(size_t{5} << 30)}));
  EXPECT_TRUE(IsRefused({"set", OfSize(size_t{5} << 30), "v"}));
  EXPECT_TRUE(IsRefused({"del", OfSize(size_t{5} << 30)}));
}

}  // namespace
}  // namespace henge::commands
