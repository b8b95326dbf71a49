// SPDX-License-Identifier: Apache-2.0
// What the sorted-set commands report of their changes.
#pragma once

#include <string_view>

#include "store/event.h"

namespace henge::commands {

constexpr store::Event SortedSetEvent(std::string_view name) {
  return {store::EventClass::kSortedSet, name};
}

}  // namespace henge::commands
