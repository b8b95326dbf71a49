// SPDX-License-Identifier: Apache-2.0
// Deadlines as commands give them: relative or absolute, in seconds or milliseconds.
#pragma once

#include <optional>
#include <string_view>

#include "base/types.h"
#include "commands/arg_reader.h"

namespace henge::store {
class Entry;
struct Key;
}  // namespace henge::store

namespace henge::commands {

struct CommandContext;

struct TimeUnit {
  bool seconds;   // Else milliseconds.
  bool absolute;  // Else from now on.
  bool operator==(const TimeUnit&) const = default;
};

// The absolute deadline for `value`, or nothing when it overflows or (unless `allow_past`) is not
// positive: the caller answers "invalid expire time".
std::optional<UnixMillis> Deadline(int64_t value, TimeUnit unit, UnixMillis now, bool allow_past);

// Gives the key this deadline, or deletes it where that is past already; and tells so as effect.
// REQUIRES: `entry` is the key's.
void MoveDeadline(CommandContext& ctx, const store::Key& key, store::Entry* entry, UnixMillis at);

// EX, PX, EXAT or PXAT if the next argument is one of them.
std::optional<TimeUnit> AcceptTimeUnit(ArgReader& args);

}  // namespace henge::commands
