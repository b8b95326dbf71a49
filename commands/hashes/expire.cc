// SPDX-License-Identifier: Apache-2.0
// Deadlines of fields: HEXPIRE, HTTL, HPERSIST and their relatives.
#include "commands/hashes/field_args.h"
#include "commands/hashes/handlers.h"
#include "commands/hashes/hash_access.h"

namespace henge::commands {
namespace {

using IfAbsent = store::Keyspace::IfAbsent;

// What these commands reply for each field.
enum FieldReply : int64_t {
  kNoField = -2,
  kNoDeadline = -1,
  kConditionFails = 0,
  kDone = 1,
  kDeleted = 2,
};

enum class Condition : uint8_t { kNone, kNx, kXx, kGt, kLt };

Condition ReadCondition(ArgReader& args) {
  if (args.Accept("NX")) return Condition::kNx;
  if (args.Accept("XX")) return Condition::kXx;
  if (args.Accept("GT")) return Condition::kGt;
  if (args.Accept("LT")) return Condition::kLt;
  return Condition::kNone;
}

// A field without a deadline lasts longer than any.
bool Holds(Condition condition, UnixMillis old, UnixMillis at) {
  const bool has = old != kNoExpiry;
  switch (condition) {
    case Condition::kNone:
      return true;
    case Condition::kNx:
      return !has;
    case Condition::kXx:
      return has;
    case Condition::kGt:
      return has && at > old;
    case Condition::kLt:
      return !has || at < old;
  }
  return false;
}

void ReplyForAll(CommandContext& ctx, size_t fields, FieldReply reply) {
  ctx.reply.Array(fields);
  for (size_t i = 0; i < fields; ++i) ctx.reply.Integer(reply);
}

void Expire(CommandContext& ctx, ArgReader& args, TimeUnit unit) {
  const store::Key key = args.Key();
  const UnixMillis at = ReadFieldDeadline(ctx, args, unit);
  const Condition condition = ReadCondition(args);
  const auto fields = ReadFields(args, "ERR Parameter `numFields` should be greater than 0");
  if (!args.Done()) return ReplyBadArgs(ctx, key, args);

  const bool past = at <= ctx.keyspace.visible_now();
  const store::Event& event = past ? hash_events::kHDel : hash_events::kHExpire;
  FieldEffect changed(ctx);
  bool there = false;
  if (!ModifyHash(ctx, key, IfAbsent::kLeave, event, [&](store::Hash& hash) {
        there = true;
        ctx.reply.Array(fields.size());
        for (const std::string_view field : fields) {
          const auto old = hash.DeadlineOf(field);
          if (!old || !Holds(condition, *old, at)) {
            ctx.reply.Integer(old ? kConditionFails : kNoField);
            continue;
          }
          past ? (void)hash.Delete(field) : hash.SetDeadline(field, at);
          changed.Add(field);
          ctx.reply.Integer(past ? kDeleted : kDone);
        }
        return changed.count() > 0;
      })) {
    return;
  }
  if (!there) return ReplyForAll(ctx, fields.size(), kNoField);
  past ? changed.SayDeleted(key) : changed.SayFields("HPEXPIREAT", key, at);
}

// Deadlines, absolute or from now on.
void Ttl(CommandContext& ctx, ArgReader& args, TimeUnit unit) {
  const store::Key key = args.Key();
  const auto fields = ReadFields(args, kBadFieldCount);
  if (!args.Done()) return ReplyBadArgs(ctx, key, args);
  const auto hash = ReadHash(ctx, key, [&] { ReplyForAll(ctx, fields.size(), kNoField); });
  if (!hash) return;
  const UnixMillis base = unit.absolute ? 0 : ctx.keyspace.now();
  ctx.reply.Array(fields.size());
  for (const std::string_view field : fields) {
    const auto deadline = hash->DeadlineOf(field);
    if (!deadline) {
      ctx.reply.Integer(kNoField);
    } else if (*deadline == kNoExpiry) {
      ctx.reply.Integer(kNoDeadline);
    } else {
      ctx.reply.Integer(unit.seconds ? (*deadline - base + 999) / 1000 : *deadline - base);
    }
  }
}

constexpr TimeUnit kSeconds{.seconds = true, .absolute = false};
constexpr TimeUnit kMillis{.seconds = false, .absolute = false};
constexpr TimeUnit kUnixSeconds{.seconds = true, .absolute = true};
constexpr TimeUnit kUnixMillis{.seconds = false, .absolute = true};

}  // namespace

void HExpire(CommandContext& ctx, ArgReader& args) { Expire(ctx, args, kSeconds); }
void HPExpire(CommandContext& ctx, ArgReader& args) { Expire(ctx, args, kMillis); }
void HExpireAt(CommandContext& ctx, ArgReader& args) { Expire(ctx, args, kUnixSeconds); }
void HPExpireAt(CommandContext& ctx, ArgReader& args) { Expire(ctx, args, kUnixMillis); }

void HTtl(CommandContext& ctx, ArgReader& args) { Ttl(ctx, args, kSeconds); }
void HPTtl(CommandContext& ctx, ArgReader& args) { Ttl(ctx, args, kMillis); }
void HExpireTime(CommandContext& ctx, ArgReader& args) { Ttl(ctx, args, kUnixSeconds); }
void HPExpireTime(CommandContext& ctx, ArgReader& args) { Ttl(ctx, args, kUnixMillis); }

void HPersist(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto fields = ReadFields(args, kBadFieldCount);
  if (!args.Done()) return ReplyBadArgs(ctx, key, args);
  FieldEffect changed(ctx);
  bool there = false;
  if (!ModifyHash(ctx, key, IfAbsent::kLeave, hash_events::kHPersist, [&](store::Hash& hash) {
        there = true;
        ctx.reply.Array(fields.size());
        for (const std::string_view field : fields) {
          const auto old = hash.DeadlineOf(field);
          if (!old || *old == kNoExpiry) {
            ctx.reply.Integer(old ? kNoDeadline : kNoField);
            continue;
          }
          hash.SetDeadline(field, kNoExpiry);
          changed.Add(field);
          ctx.reply.Integer(kDone);
        }
        return changed.count() > 0;
      })) {
    return;
  }
  if (!there) return ReplyForAll(ctx, fields.size(), kNoField);
  changed.SayFields("HPERSIST", key);
}

}  // namespace henge::commands
