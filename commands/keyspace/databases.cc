// SPDX-License-Identifier: Apache-2.0
// Whole databases emptied or exchanged. Under the locks they only change hands; what a flush threw
// out is freed afterwards, by the reclaimer when it is much.
#include <climits>

#include "commands/context.h"
#include "commands/keyspace/handlers.h"

namespace henge::commands {
namespace {

store::FlushMode ReadMode(CommandContext& ctx, ArgReader& args) {
  using store::FlushMode;
  if (args.empty()) {
    const bool lazy = ctx.services.settings().lazyfree_user_flush.load(std::memory_order_relaxed);
    return lazy ? FlushMode::kLazy : FlushMode::kBySize;
  }
  if (args.Accept("ASYNC")) return FlushMode::kLazy;
  if (!args.Accept("SYNC")) args.FailSyntax();
  return FlushMode::kEager;
}

// Whether it was done; else the error is answered.
bool Flush(CommandContext& ctx, ArgReader& args, DbIndex first, DbIndex last) {
  const store::FlushMode mode = ReadMode(ctx, args);
  if (!args.Done()) {
    ctx.reply.Error(args.error());
    return false;
  }
  ctx.keyspace.FlushDatabases(first, last, mode);
  return true;
}

}  // namespace

void FlushAll(CommandContext& ctx, ArgReader& args) {
  const auto last = static_cast<DbIndex>(ctx.keyspace.store().databases() - 1);
  if (!Flush(ctx, args, 0, last)) return;
  // The file on the disk must not bring back what is gone: the reply follows when it is replaced.
  if (ctx.services.persistence().NoteFlushAll(ctx.in_exec ? nullptr : &ctx.client)) return;
  ctx.reply.Ok();
}

void FlushDb(CommandContext& ctx, ArgReader& args) {
  if (Flush(ctx, args, ctx.keyspace.db(), ctx.keyspace.db())) ctx.reply.Ok();
}

void SwapDb(CommandContext& ctx, ArgReader& args) {
  if (ctx.services.cluster() != nullptr) {
    return ctx.reply.Error("ERR SWAPDB is not allowed in cluster mode");
  }
  const int64_t a = args.IntegerIn(INT_MIN, INT_MAX, "ERR invalid first DB index");
  const int64_t b = args.IntegerIn(INT_MIN, INT_MAX, "ERR invalid second DB index");
  if (!args.Done()) return ctx.reply.Error(args.error());
  const int64_t count = ctx.keyspace.store().databases();
  if (a < 0 || a >= count || b < 0 || b >= count) {
    return ctx.reply.Error(errors::kDbIndexOutOfRange);
  }
  ctx.keyspace.SwapDatabases(static_cast<DbIndex>(a), static_cast<DbIndex>(b));
  ctx.reply.Ok();
}

}  // namespace henge::commands
