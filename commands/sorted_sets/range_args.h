// SPDX-License-Identifier: Apache-2.0
// Ranges of sorted sets as clients write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/arg_reader.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::commands {

// "1.5", "(1.5", "-inf"; nothing if an end is no number.
std::optional<store::ScoreRange> ParseScoreRange(std::string_view min, std::string_view max);
// "-", "+", "[member", "(member"; the range keeps views of the texts.
std::optional<store::NameRange> ParseNameRange(std::string_view min, std::string_view max);

// Read both ends, which latch Redis's error texts.
store::ScoreRange ReadScoreRange(ArgReader& args);
store::NameRange ReadNameRange(ArgReader& args);

// Ranks `start` to `stop` of `size`, both included; negative ones count from the end.
store::RankRange RanksBetween(int64_t start, int64_t stop, size_t size);

}  // namespace henge::commands
