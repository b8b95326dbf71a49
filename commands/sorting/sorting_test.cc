// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "commands/sorting/order.h"
#include "commands/sorting/pattern.h"
#include "commands/sorting/request.h"

namespace henge::commands {
namespace {

using Names = SortPattern::Names;

TEST(SortPattern, NamesTheElementAKeyOrAField) {
  EXPECT_EQ(SortPattern::Parse("#").names, Names::kElement);
  EXPECT_EQ(SortPattern::Parse("nosort").names, Names::kNothing);
  EXPECT_EQ(SortPattern::Parse("").names, Names::kNothing);
  const SortPattern key = SortPattern::Parse("w_*_x*");
  EXPECT_EQ(key.names, Names::kString);
  EXPECT_EQ(key.KeyFor("7"), "w_7_x*");
  const SortPattern field = SortPattern::Parse("u*y->name->x");
  EXPECT_EQ(field.names, Names::kField);
  EXPECT_EQ(field.KeyFor("7"), "u7y");
  EXPECT_EQ(field.field, "name->x");
}

TEST(SortPattern, AnArrowWithoutAFieldBelongsToTheKey) {
  EXPECT_EQ(SortPattern::Parse("u*->").KeyFor("7"), "u7->");
  EXPECT_EQ(SortPattern::Parse("a->b*").KeyFor("7"), "a->b7");
  EXPECT_EQ(SortPattern::Parse("a->b*").names, Names::kString);
}

SortRequest Read(std::vector<std::string_view> words, std::string* error = nullptr,
                 SortKind kind = SortKind::kMayStore, bool in_cluster = false) {
  ArgReader args(words, {});
  SortRequest request = ReadSortRequest(args, kind, in_cluster);
  if (error != nullptr) *error = args.error();
  return request;
}

TEST(SortRequest, ReadsOptionsInAnyOrderTheLastCounts) {
  const SortRequest request = Read({"k", "desc", "GET", "#", "LIMIT", "1", "2", "ASC", "get", "o*",
                                    "BY", "w*", "ALPHA", "STORE", "x", "STORE", "y"});
  EXPECT_EQ(request.source, "k");
  EXPECT_FALSE(request.descending);
  EXPECT_TRUE(request.alpha && request.sorts);
  EXPECT_EQ(request.get.size(), 2u);
  EXPECT_EQ(request.destination, "y");
  EXPECT_FALSE(Read({"k", "BY", "nosort"}).sorts);
}

TEST(SortRequest, LatchesTheFirstError) {
  std::string error;
  Read({"k", "LIMIT", "1", "x", "NONSENSE"}, &error);
  EXPECT_EQ(error, "ERR value is not an integer or out of range");
  for (const auto& words : std::vector<std::vector<std::string_view>>{
           {"k", "LIMIT", "1"}, {"k", "BY"}, {"k", "GET"}, {"k", "STORE"}, {"k", "x"}}) {
    Read(words, &error);
    EXPECT_EQ(error, "ERR syntax error") << words.back();
  }
  Read({"k", "STORE", "x"}, &error, SortKind::kReadOnly);
  EXPECT_EQ(error, "ERR syntax error");
}

TEST(SortRequest, AClusterDeniesPatterns) {
  std::string error;
  Read({"k", "BY", "w*"}, &error, SortKind::kMayStore, true);
  EXPECT_EQ(error, "ERR BY option of SORT denied in Cluster mode.");
  Read({"k", "GET", "#"}, &error, SortKind::kMayStore, true);
  EXPECT_EQ(error, "ERR GET option of SORT denied in Cluster mode.");
  Read({"k", "BY", "nosort"}, &error, SortKind::kMayStore, true);
  EXPECT_EQ(error, "");
}

TEST(SortRequest, WindowsStayWithinTheRows) {
  const auto window = [](int64_t offset, int64_t count) {
    SortRequest request;
    request.offset = offset;
    request.count = count;
    const SortWindow part = request.WindowOf(5);
    return std::pair(part.first, part.end);
  };
  using Part = std::pair<size_t, size_t>;
  EXPECT_EQ(window(0, -1), Part(0, 5));
  EXPECT_EQ(window(1, 2), Part(1, 3));
  EXPECT_EQ(window(-3, 2), Part(0, 2));
  EXPECT_EQ(window(4, INT64_MAX), Part(4, 5));
  EXPECT_EQ(window(9, 2).first, window(9, 2).second);
  EXPECT_EQ(window(2, 0), Part(2, 2));
}

std::vector<KeyPosition> KeysOf(std::vector<std::string_view> argv) {
  std::vector<KeyPosition> found = {{1, kRO | kAccess}};
  RefineSortKeys(argv, found);
  return found;
}

TEST(SortKeys, FindsTheLastStoreAndNoOptionsArgument) {
  EXPECT_EQ(KeysOf({"SORT", "k", "BY", "STORE", "STORE", "d"}).at(1).index, 5);
  EXPECT_EQ(KeysOf({"SORT", "k", "STORE", "get", "STORE", "d"}).at(1).index, 5);
  EXPECT_EQ(KeysOf({"SORT", "k", "GET", "STORE"}).size(), 1u);
}

TEST(SortKeys, KnowsWhetherPatternsNameKeys) {
  const auto reads = [](std::vector<std::string_view> argv) {
    return (KeysOf(std::move(argv)).at(0).flags & kIncomplete) != 0;
  };
  EXPECT_TRUE(reads({"SORT", "k", "BY", "w*"}));
  EXPECT_TRUE(reads({"SORT", "k", "get", "w*->f"}));
  EXPECT_FALSE(reads({"SORT", "k", "BY", "nosort", "GET", "#"}));
  EXPECT_FALSE(reads({"SORT", "k", "STORE", "GET", "ALPHA"}));
}

std::string InOrder(const std::vector<SortRow>& rows, SortOrder order, size_t end = SIZE_MAX) {
  std::string text;
  end = std::min(end, rows.size());
  const auto indexes = SortedRows(rows, order, {0, end});
  for (size_t i = 0; i < end; ++i) text += rows[indexes[i]].element;
  return text;
}

TEST(SortOrder, NumbersThenElements) {
  const std::vector<SortRow> rows = {{"b", 2}, {"d", 1}, {"c", 1}, {"a", 3}};
  EXPECT_EQ(InOrder(rows, {}), "cdba");
  EXPECT_EQ(InOrder(rows, {.descending = true}), "abdc");
}

TEST(SortOrder, TextsWithAbsentOnesFirst) {
  const std::vector<SortRow> rows = {
      {"b", 0, "y"}, {"d", 0}, {"c", 0}, {"a", 0, "x"}, {"e", 0, ""}};
  SortOrder order{.alpha = true, .by_text = true};
  EXPECT_EQ(InOrder(rows, order), "cdeab");
  order.places_mean = true;
  EXPECT_EQ(InOrder(rows, order), "dceab");
  order.descending = true;
  EXPECT_EQ(InOrder(rows, order), "baedc");
  EXPECT_EQ(InOrder(rows, {.alpha = true}), "abcde");
}

TEST(SortOrder, PartsAreAsTheWhole) {
  std::vector<std::string> elements;
  for (int i = 0; i < 100; ++i) elements.push_back(std::to_string(i * 37 % 100));
  std::vector<SortRow> rows;
  for (int i = 0; i < 100; ++i) rows.push_back({elements[size_t(i)], double(i * 37 % 10)});
  EXPECT_EQ(InOrder(rows, {}).substr(0, 20), InOrder(rows, {}, 15).substr(0, 20));
}

TEST(SortNumber, IsStrtods) {
  EXPECT_EQ(SortNumber(""), 0);
  EXPECT_EQ(SortNumber(" 1"), 1);
  EXPECT_EQ(SortNumber("-inf"), -HUGE_VAL);
  EXPECT_EQ(SortNumber("0x10"), 16);
  EXPECT_EQ(SortNumber(std::string_view("3\0x", 3)), 3);
  for (const char* text : {"x", "1 ", "nan", "1e999", "1.5x"})
    EXPECT_EQ(SortNumber(text), std::nullopt);
}

}  // namespace
}  // namespace henge::commands
