// SPDX-License-Identifier: Apache-2.0
#include "commands/sorted_sets/range_args.h"

#include "base/numbers.h"

namespace henge::commands {
namespace {

struct ScoreEnd {
  double score;
  bool open;
};

std::optional<ScoreEnd> ParseScoreEnd(std::string_view text) {
  const bool open = text.starts_with('(');
  const auto score = ParseLooseDouble(text.substr(open ? 1 : 0));
  if (!score) return std::nullopt;
  return ScoreEnd{*score, open};
}

std::optional<store::NameEnd> ParseNameEnd(std::string_view text) {
  using Kind = store::NameEnd::Kind;
  if (text == "-") return store::NameEnd{.kind = Kind::kLowest};
  if (text == "+") return store::NameEnd{.kind = Kind::kHighest};
  if (text.empty() || (text[0] != '(' && text[0] != '[')) return std::nullopt;
  return store::NameEnd{.open = text[0] == '(', .member = text.substr(1)};
}

}  // namespace

std::optional<store::ScoreRange> ParseScoreRange(std::string_view min, std::string_view max) {
  const auto low = ParseScoreEnd(min);
  const auto high = ParseScoreEnd(max);
  if (!low || !high) return std::nullopt;
  return store::ScoreRange{
      .min = low->score, .max = high->score, .min_open = low->open, .max_open = high->open};
}

std::optional<store::NameRange> ParseNameRange(std::string_view min, std::string_view max) {
  const auto low = ParseNameEnd(min);
  const auto high = ParseNameEnd(max);
  if (!low || !high) return std::nullopt;
  return store::NameRange{.min = *low, .max = *high};
}

store::ScoreRange ReadScoreRange(ArgReader& args) {
  const std::string_view min = args.Next();
  const auto range = ParseScoreRange(min, args.Next());
  if (!range) args.Fail("ERR min or max is not a float");
  return range.value_or(store::ScoreRange());
}

store::NameRange ReadNameRange(ArgReader& args) {
  const std::string_view min = args.Next();
  const auto range = ParseNameRange(min, args.Next());
  if (!range) args.Fail("ERR min or max not valid string range item");
  return range.value_or(store::NameRange());
}

store::RankRange RanksBetween(int64_t start, int64_t stop, size_t size) {
  const auto n = static_cast<int64_t>(size);
  if (start < 0) start += n;
  if (stop < 0) stop += n;
  if (start < 0) start = 0;
  if (start > stop || start >= n) return {};
  if (stop >= n) stop = n - 1;
  return {static_cast<size_t>(start), static_cast<size_t>(stop) + 1};
}

}  // namespace henge::commands
