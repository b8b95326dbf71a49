// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "commands/lists/events.h"
#include "commands/lists/handlers.h"

namespace henge::commands {
namespace {

using store::Entry;
using store::Keyspace;
using store::ListEnd;

void Push(CommandContext& ctx, ArgReader& args, ListEnd end, Keyspace::IfAbsent absent) {
  const store::Key key = args.Key();
  const auto elements = args.all().subspan(args.position());
  uint64_t size = 0;
  const auto state = ctx.keyspace.Modify(key, store::Type::kList, absent, list_events::Push(end),
                                         [&](Entry& entry) {
                                           store::List list(entry, ctx.keyspace.store());
                                           list.Push(end, elements);
                                           size = list.size();
                                           return true;
                                         });
  if (state == Keyspace::Modified::kOtherType) return ctx.reply.Error(errors::kWrongType);
  ctx.reply.Integer(static_cast<int64_t>(size));
}

}  // namespace

void LPush(CommandContext& ctx, ArgReader& args) {
  Push(ctx, args, ListEnd::kHead, Keyspace::IfAbsent::kCreate);
}

void LPushX(CommandContext& ctx, ArgReader& args) {
  Push(ctx, args, ListEnd::kHead, Keyspace::IfAbsent::kLeave);
}

void RPush(CommandContext& ctx, ArgReader& args) {
  Push(ctx, args, ListEnd::kTail, Keyspace::IfAbsent::kCreate);
}

void RPushX(CommandContext& ctx, ArgReader& args) {
  Push(ctx, args, ListEnd::kTail, Keyspace::IfAbsent::kLeave);
}

}  // namespace henge::commands
