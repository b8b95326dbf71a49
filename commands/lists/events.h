// SPDX-License-Identifier: Apache-2.0
// The events of lists, by Redis's names.
#pragma once

#include "store/event.h"
#include "store/list/quicklist.h"

namespace henge::commands::list_events {

inline constexpr store::Event kLPush{store::EventClass::kList, "lpush"};
inline constexpr store::Event kRPush{store::EventClass::kList, "rpush"};
inline constexpr store::Event kLPop{store::EventClass::kList, "lpop"};
inline constexpr store::Event kRPop{store::EventClass::kList, "rpop"};
inline constexpr store::Event kLSet{store::EventClass::kList, "lset"};
inline constexpr store::Event kLInsert{store::EventClass::kList, "linsert"};
inline constexpr store::Event kLRem{store::EventClass::kList, "lrem"};
inline constexpr store::Event kLTrim{store::EventClass::kList, "ltrim"};

inline const store::Event& Push(store::ListEnd end) {
  return end == store::ListEnd::kHead ? kLPush : kRPush;
}
inline const store::Event& Pop(store::ListEnd end) {
  return end == store::ListEnd::kHead ? kLPop : kRPop;
}

}  // namespace henge::commands::list_events
