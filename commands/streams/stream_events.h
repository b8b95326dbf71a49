// SPDX-License-Identifier: Apache-2.0
// The events of streams. What groups and consumers do does not touch watches, as in Redis.
#pragma once

#include "store/event.h"

namespace henge::commands::stream_events {

using store::Event;
using store::EventClass;

inline constexpr Event kAdd{EventClass::kStream, "xadd"};
inline constexpr Event kTrim{EventClass::kStream, "xtrim"};
inline constexpr Event kDelete{EventClass::kStream, "xdel"};
inline constexpr Event kSetId{EventClass::kStream, "xsetid", false};
inline constexpr Event kGroupCreate{EventClass::kStream, "xgroup-create", false};
inline constexpr Event kGroupSetId{EventClass::kStream, "xgroup-setid", false};
inline constexpr Event kGroupDestroy{EventClass::kStream, "xgroup-destroy", false};
inline constexpr Event kCreateConsumer{EventClass::kStream, "xgroup-createconsumer", false};
inline constexpr Event kDeleteConsumer{EventClass::kStream, "xgroup-delconsumer", false};
// Of what is pending: nobody is told.
inline constexpr Event kSilent{EventClass::kStream, "", false};

}  // namespace henge::commands::stream_events
