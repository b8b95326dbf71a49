// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/counters.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "base/numbers.h"
#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

void Add(CommandContext& ctx, const store::Key& key, int64_t delta) {
  using Outcome = store::Keyspace::Sum::Outcome;
  const auto sum = ctx.keyspace.AddInteger(key, delta, store::events::kIncrBy);
  switch (sum.outcome) {
    case Outcome::kDone:
      return ctx.reply.Integer(sum.value);
    case Outcome::kOtherType:
      return ctx.reply.Error(errors::kWrongType);
    case Outcome::kNotInteger:
      return ctx.reply.Error(errors::kNotInteger);
    case Outcome::kOverflow:
      return ctx.reply.Error(errors::kOverflow);
  }
}

}  // namespace

void Incr(CommandContext& ctx, ArgReader& args) { Add(ctx, args.Key(), 1); }
void Decr(CommandContext& ctx, ArgReader& args) { Add(ctx, args.Key(), -1); }

void IncrBy(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t delta = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  Add(ctx, key, delta);
}

void DecrBy(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t delta = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (delta == std::numeric_limits<int64_t>::min()) {
    return ctx.reply.Error("ERR decrement would overflow");
  }
  Add(ctx, key, -delta);
}

void IncrByFloat(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  const StringBytes text(entry);
  const auto old = entry == nullptr ? 0.0L : ParseLongDouble(text.view());
  const auto delta = ParseLongDouble(args.Next());
  if (!old || !delta) return ctx.reply.Error(errors::kNotFloat);
  const long double sum = *old + *delta;
  if (std::isnan(sum) || std::isinf(sum)) return ctx.reply.Error(errors::kNanOrInfinity);
  const std::string digits = FormatLongDouble(sum);
  ctx.keyspace.SetStringKeepExpiry(key, digits, store::events::kIncrByFloat,
                                   /*encode_integers=*/false);
  // Another machine's long double need not come to the same digits.
  ctx.effects.Instead({"SET", key.bytes, digits, "KEEPTTL"});
  ctx.reply.Bulk(digits);
}

}  // namespace henge::commands
