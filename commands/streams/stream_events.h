// SPDX-License-Identifier: Apache-2.0
// The events of streams. What groups and consumers do does not touch watches, as in Redis; and only
// what XADD and XGROUP DESTROY do ends somebody's wait, where XGROUP SETID could, too.
#pragma once

#include "store/event.h"

namespace henge::commands::stream_events {

using store::Event;
using store::EventClass;

constexpr Event Quiet(std::string_view name, bool touches = false) {
  return {.event_class = EventClass::kStream, .name = name, .touches = touches, .wakes = false};
}

inline constexpr Event kAdd{EventClass::kStream, "xadd"};
inline constexpr Event kTrim = Quiet("xtrim", true);
inline constexpr Event kDelete = Quiet("xdel", true);
inline constexpr Event kSetId = Quiet("xsetid");
inline constexpr Event kGroupCreate = Quiet("xgroup-create");
inline constexpr Event kGroupSetId = Quiet("xgroup-setid");
inline constexpr Event kGroupDestroy{EventClass::kStream, "xgroup-destroy", false};
inline constexpr Event kCreateConsumer = Quiet("xgroup-createconsumer");
inline constexpr Event kDeleteConsumer = Quiet("xgroup-delconsumer");
// Of what is pending: nobody is told.
inline constexpr Event kSilent = Quiet("");

}  // namespace henge::commands::stream_events
