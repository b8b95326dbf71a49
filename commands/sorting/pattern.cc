// SPDX-License-Identifier: Apache-2.0
#include "commands/sorting/pattern.h"

namespace henge::commands {

SortPattern SortPattern::Parse(std::string_view text) {
  if (text == "#") return {.names = Names::kElement};
  const size_t star = text.find('*');
  if (star == std::string_view::npos) return {};
  SortPattern pattern{.names = Names::kString, .before = text.substr(0, star)};
  pattern.after = text.substr(star + 1);
  const size_t arrow = pattern.after.find("->");
  if (arrow != std::string_view::npos && arrow + 2 < pattern.after.size()) {
    pattern.names = Names::kField;
    pattern.field = pattern.after.substr(arrow + 2);
    pattern.after = pattern.after.substr(0, arrow);
  }
  return pattern;
}

std::string SortPattern::KeyFor(std::string_view element) const {
  std::string key;
  key.reserve(before.size() + element.size() + after.size());
  key.append(before).append(element).append(after);
  return key;
}

}  // namespace henge::commands
