// SPDX-License-Identifier: Apache-2.0
// The events of streams. What groups and consumers do does not touch watches, as in Redis; and only
// what XADD and XGROUP DESTROY do ends somebody's wait, where XGROUP SETID could, too.
#pragma once

#include "store/event.h"

namespace henge::commands::stream_events {

using store::Event;
using store::EventClass;

constexpr Event Unseen(std::string_view name) {
  return {.event_class = EventClass::kStream, .name = name, .touches = false, .wakes = false};
}

inline constexpr Event kAdd{EventClass::kStream, "xadd"};
inline constexpr Event kTrim{EventClass::kStream, "xtrim"};
inline constexpr Event kDelete{EventClass::kStream, "xdel"};
inline constexpr Event kSetId = Unseen("xsetid");
inline constexpr Event kGroupCreate = Unseen("xgroup-create");
inline constexpr Event kGroupSetId = Unseen("xgroup-setid");
inline constexpr Event kGroupDestroy{EventClass::kStream, "xgroup-destroy", false};
inline constexpr Event kCreateConsumer = Unseen("xgroup-createconsumer");
inline constexpr Event kDeleteConsumer = Unseen("xgroup-delconsumer");
// Of what is pending: nobody is told.
inline constexpr Event kSilent = Unseen("");

}  // namespace henge::commands::stream_events
