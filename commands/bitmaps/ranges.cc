// SPDX-License-Identifier: Apache-2.0
// BITCOUNT and BITPOS. Both look for the key before they look at the range: of a key that is absent
// Redis answers without reading the rest, right or wrong.
#include "commands/bitmaps/bit_args.h"
#include "commands/bitmaps/bits.h"
#include "commands/bitmaps/handlers.h"
#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {

void BitCount(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Read(args.Key());
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (IsOtherType(ctx, entry)) return;
  const StringBytes text(entry);
  if (args.empty()) return ctx.reply.Integer(static_cast<int64_t>(CountBits(text.view())));
  if (args.left() != 2 && args.left() != 3) return ctx.reply.Error(errors::kSyntax);
  const int64_t start = args.Integer();
  const int64_t end = args.Integer();
  if (args.ok() && start < 0 && end < 0 && start > end) return ctx.reply.Integer(0);
  const RangeUnit unit = args.empty() ? RangeUnit::kByte : ParseRangeUnit(args.Next(), args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto range = ResolveRange(start, end, unit, text.view().size());
  ctx.reply.Integer(range ? static_cast<int64_t>(CountBits(text.view(), *range)) : 0);
}

void BitPos(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t bit = args.Integer();
  if (!args.ok()) return ctx.reply.Error(args.error());
  if (bit != 0 && bit != 1) return ctx.reply.Error("ERR The bit argument must be 1 or 0.");
  const store::Entry* entry = ctx.keyspace.Read(key);
  if (entry == nullptr) return ctx.reply.Integer(bit == 1 ? -1 : 0);
  if (IsOtherType(ctx, entry)) return;
  if (args.left() > 3) return ctx.reply.Error(errors::kSyntax);
  const int64_t start = args.empty() ? 0 : args.Integer();
  const RangeUnit unit =
      args.left() == 2 ? ParseRangeUnit(args.all().back(), args) : RangeUnit::kByte;
  const bool has_end = !args.empty();
  const int64_t end = has_end ? args.Integer() : -1;
  if (!args.ok()) return ctx.reply.Error(args.error());
  const StringBytes text(entry);
  const auto range = ResolveRange(start, end, unit, text.view().size());
  if (!range) return ctx.reply.Integer(-1);
  if (const auto found = FindBit(text.view(), bit == 1, *range)) {
    return ctx.reply.Integer(static_cast<int64_t>(*found));
  }
  // Without an end the string goes on with zeros forever.
  const bool beyond = bit == 0 && !has_end;
  ctx.reply.Integer(beyond ? static_cast<int64_t>(range->last + 1) : -1);
}

}  // namespace henge::commands
