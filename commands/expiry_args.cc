// SPDX-License-Identifier: Apache-2.0
#include "commands/expiry_args.h"

#include <limits>
#include <string>

#include "commands/context.h"
#include "commands/services.h"

namespace henge::commands {

std::optional<UnixMillis> Deadline(int64_t value, TimeUnit unit, UnixMillis now, bool allow_past) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  if (!allow_past && value <= 0) return std::nullopt;
  if (unit.seconds) {
    if (value > kMax / 1000 || value < kMin / 1000) return std::nullopt;
    value *= 1000;
  }
  if (!unit.absolute) {
    if (value > kMax - now) return std::nullopt;
    value += now;
  }
  return value;
}

void MoveDeadline(CommandContext& ctx, const store::Key& key, store::Entry* entry, UnixMillis at) {
  // Where effects are applied the key stays until one deletes it.
  if (at <= ctx.keyspace.visible_now()) {
    ctx.keyspace.Delete(key, store::events::kDel);
    return ctx.effects.InsteadGone(key.bytes, ctx.services.settings().lazyfree_expire.load());
  }
  ctx.keyspace.SetExpiry(key, entry, at, store::events::kExpire);
  if (ctx.effects.wanted()) ctx.effects.Instead({"PEXPIREAT", key.bytes, std::to_string(at)});
}

std::optional<TimeUnit> AcceptTimeUnit(ArgReader& args) {
  if (args.Accept("EX")) return TimeUnit{.seconds = true, .absolute = false};
  if (args.Accept("PX")) return TimeUnit{.seconds = false, .absolute = false};
  if (args.Accept("EXAT")) return TimeUnit{.seconds = true, .absolute = true};
  if (args.Accept("PXAT")) return TimeUnit{.seconds = false, .absolute = true};
  return std::nullopt;
}

}  // namespace henge::commands
