// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/many.h"

#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

void SetAll(CommandContext& ctx, ArgReader& args) {
  while (!args.empty()) {
    const store::Key key = args.Key();
    ctx.keyspace.SetString(key, args.Next(), kNoExpiry, store::events::kSet);
  }
}

}  // namespace

void MGet(CommandContext& ctx, ArgReader& args) {
  ctx.reply.Array(args.left());
  while (!args.empty()) {
    const store::Entry* entry = ctx.keyspace.Read(args.Key());
    if (entry == nullptr || entry->type() != store::Type::kString) {
      ctx.reply.Null();
    } else {
      ReplyString(ctx.reply, *entry);
    }
  }
}

void MSet(CommandContext& ctx, ArgReader& args) {
  if (args.left() % 2 != 0) return ctx.reply.Error(errors::WrongArity("mset"));
  SetAll(ctx, args);
  ctx.reply.Ok();
}

void MSetNx(CommandContext& ctx, ArgReader& args) {
  if (args.left() % 2 != 0) return ctx.reply.Error(errors::WrongArity("msetnx"));
  for (ArgReader ahead = args; !ahead.empty(); ahead.Skip()) {
    if (ctx.keyspace.Find(ahead.Key()) != nullptr) return ctx.reply.Integer(0);
  }
  SetAll(ctx, args);
  ctx.reply.Integer(1);
}

}  // namespace henge::commands
