// SPDX-License-Identifier: Apache-2.0
// Deadlines of keys: set, read, removed.
#include <optional>

#include "commands/context.h"
#include "commands/expiry_args.h"
#include "commands/keyspace/handlers.h"

namespace henge::commands {
namespace {

struct Conditions {
  bool nx = false;  // Only a key without a deadline.
  bool xx = false;  // Only a key with one.
  bool gt = false;  // Only to a later one; none is the latest.
  bool lt = false;  // Only to an earlier one.

  bool Allow(UnixMillis old_at, UnixMillis new_at) const {
    const bool had = old_at != kNoExpiry;
    if (nx && had) return false;
    if (xx && !had) return false;
    if (gt && (!had || new_at <= old_at)) return false;
    return !(lt && had && new_at >= old_at);
  }
};

Conditions ReadConditions(ArgReader& args) {
  Conditions conditions;
  while (!args.empty()) {
    if (args.Accept("NX")) {
      conditions.nx = true;
    } else if (args.Accept("XX")) {
      conditions.xx = true;
    } else if (args.Accept("GT")) {
      conditions.gt = true;
    } else if (args.Accept("LT")) {
      conditions.lt = true;
    } else {
      args.Fail("ERR Unsupported option " + std::string(args.Next()));
      return conditions;
    }
  }
  if (conditions.nx && (conditions.xx || conditions.gt || conditions.lt)) {
    args.Fail("ERR NX and XX, GT or LT options at the same time are not compatible");
  } else if (conditions.gt && conditions.lt) {
    args.Fail("ERR GT and LT options at the same time are not compatible");
  }
  return conditions;
}

void SetDeadline(CommandContext& ctx, ArgReader& args, TimeUnit unit) {
  const store::Key key = args.Key();
  const std::span<const std::string_view> number = args.all().subspan(args.position(), 1);
  args.Skip();
  const Conditions conditions = ReadConditions(args);  // Complains before the number does.
  if (!args.ok()) return ctx.reply.Error(args.error());
  ArgReader number_reader(number, {});
  const int64_t value = number_reader.Integer();
  if (!number_reader.ok()) return ctx.reply.Error(number_reader.error());
  const auto at = Deadline(value, unit, ctx.keyspace.now(), /*allow_past=*/true);
  if (!at) return ctx.reply.Error(errors::InvalidExpire(ctx.spec.name));

  store::Entry* entry = ctx.keyspace.Find(key);
  if (entry == nullptr || !conditions.Allow(entry->expiry(), *at)) return ctx.reply.Integer(0);
  MoveDeadline(ctx, key, entry, *at);
  ctx.reply.Integer(1);
}

constexpr int64_t kNoKey = -2;
constexpr int64_t kNoDeadline = -1;

// The deadline or the time left in milliseconds, or one of the two above.
int64_t TimeOf(CommandContext& ctx, ArgReader& args, bool absolute) {
  const store::Entry* entry = ctx.keyspace.Inspect(args.Key());
  if (entry == nullptr) return kNoKey;
  if (!entry->has_expiry()) return kNoDeadline;
  const int64_t time = absolute ? entry->expiry() : entry->expiry() - ctx.keyspace.now();
  return time < 0 ? 0 : time;
}

int64_t RoundToSeconds(int64_t millis) { return millis < 0 ? millis : (millis + 500) / 1000; }

}  // namespace

void Expire(CommandContext& ctx, ArgReader& args) {
  SetDeadline(ctx, args, {.seconds = true, .absolute = false});
}

void ExpireAt(CommandContext& ctx, ArgReader& args) {
  SetDeadline(ctx, args, {.seconds = true, .absolute = true});
}

void PExpire(CommandContext& ctx, ArgReader& args) {
  SetDeadline(ctx, args, {.seconds = false, .absolute = false});
}

void PExpireAt(CommandContext& ctx, ArgReader& args) {
  SetDeadline(ctx, args, {.seconds = false, .absolute = true});
}

void Ttl(CommandContext& ctx, ArgReader& args) {
  ctx.reply.Integer(RoundToSeconds(TimeOf(ctx, args, false)));
}

void PTtl(CommandContext& ctx, ArgReader& args) { ctx.reply.Integer(TimeOf(ctx, args, false)); }

void ExpireTime(CommandContext& ctx, ArgReader& args) {
  ctx.reply.Integer(RoundToSeconds(TimeOf(ctx, args, true)));
}

void PExpireTime(CommandContext& ctx, ArgReader& args) {
  ctx.reply.Integer(TimeOf(ctx, args, true));
}

void Persist(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  store::Entry* entry = ctx.keyspace.Find(key);
  if (entry == nullptr || !entry->has_expiry()) return ctx.reply.Integer(0);
  ctx.keyspace.SetExpiry(key, entry, kNoExpiry, store::events::kPersist);
  ctx.reply.Integer(1);
}

}  // namespace henge::commands
