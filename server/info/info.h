// SPDX-License-Identifier: Apache-2.0
// INFO's text, and its fields for whoever wants the numbers. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/info/fields.h"

namespace henge::server {

class Node;

// `sections` in any case; empty: the default ones. "all", "everything" and "default" are known.
std::string InfoText(Node& node, const std::vector<std::string>& sections);

struct InfoSection {
  std::string_view name;   // As INFO takes it: "commandstats".
  std::string_view title;  // As it prints it: "Commandstats".
  InfoFields fields;
};
std::vector<InfoSection> CollectInfo(Node& node, const std::vector<std::string>& sections);

}  // namespace henge::server
