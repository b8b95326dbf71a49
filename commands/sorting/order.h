// SPDX-License-Identifier: Apache-2.0
// SORT's order: rows by their weights, which are numbers or texts. Pure.
//
// Rows of equal numbers go by their elements; rows of equal texts keep their places, as in Redis,
// or where places mean nothing go by their elements too, so that the order is always the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/sorting/request.h"

namespace henge::commands {

struct SortRow {
  std::string_view element;
  double number = 0;
  std::optional<std::string> text = std::nullopt;  // Where BY found none, before all texts.
};

struct SortOrder {
  bool alpha = false;
  bool by_text = false;  // ALPHA compares `text`, not the elements.
  bool descending = false;
  bool places_mean = false;  // The rows come from a list.
};

// The number that SORT takes `text` for: strtod's, which ends at a NUL and finds zero in nothing.
std::optional<double> SortNumber(std::string_view text);

// Indexes of `rows` in order; only those of the window need be right.
std::vector<uint32_t> SortedRows(const std::vector<SortRow>& rows, const SortOrder& order,
                                 const SortWindow& window);

}  // namespace henge::commands
