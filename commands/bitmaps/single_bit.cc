// SPDX-License-Identifier: Apache-2.0
// GETBIT and SETBIT.
#include <algorithm>

#include "commands/bitmaps/bit_args.h"
#include "commands/bitmaps/bits.h"
#include "commands/bitmaps/handlers.h"
#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {

void GetBit(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const uint64_t offset = ReadBitOffset(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const store::Entry* entry = ctx.keyspace.Read(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  ctx.reply.Integer(GetBit(StringBytes(entry).view(), offset) ? 1 : 0);
}

void SetBit(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const uint64_t offset = ReadBitOffset(ctx, args);
  const bool on = args.IntegerIn(0, 1, errors::kBitNotInteger) != 0;
  if (!args.Done()) return ctx.reply.Error(args.error());
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  const size_t size = StringBytes(entry).view().size();
  const size_t new_size = std::max<size_t>(size, offset / 8 + 1);
  const bool was_on = GetBit(StringBytes(entry).view(), offset);
  if (was_on != on || new_size != size) {
    ctx.keyspace.EditString(key, new_size, store::events::kSetBit, [&](char* bytes) {
      SetBit(bytes, offset, on);
      return true;
    });
  }
  ctx.reply.Integer(was_on ? 1 : 0);
}

}  // namespace henge::commands
