// SPDX-License-Identifier: Apache-2.0
// SortPattern: what SORT's BY and GET name for an element: the element itself ("#"), or a key, or a
// hash's field ("user_*->name"), in which the element stands for the first '*'. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace henge::commands {

struct SortPattern {
  enum class Names : uint8_t { kElement, kNothing, kString, kField };

  static SortPattern Parse(std::string_view text);

  // The key for `element`. REQUIRES: kString or kField.
  std::string KeyFor(std::string_view element) const;
  bool reads_keys() const { return names == Names::kString || names == Names::kField; }

  Names names = Names::kNothing;  // Without a '*', nothing: the same key for all says nothing.
  std::string_view before = {};   // What stands before the '*' in the key, and what behind.
  std::string_view after = {};
  std::string_view field = {};
};

}  // namespace henge::commands
