// SPDX-License-Identifier: Apache-2.0
// BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH: as their namesakes, but they wait where there is
// nothing.
#include "commands/blocking.h"

#include "commands/lists/handlers.h"

namespace henge::commands {
namespace {

using store::ListEnd;
using Modified = store::Keyspace::Modified;

std::vector<store::Key> ReadKeys(ArgReader& args, uint64_t count) {
  std::vector<store::Key> keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(args.Key());
  return keys;
}

void Wait(CommandContext& ctx, std::span<const store::Key> keys, int64_t timeout_ms) {
  ctx.services.BlockOnKeys(ctx,
                           {.keys = keys, .type = store::Type::kList, .timeout_ms = timeout_ms});
}

void BlockingPop(CommandContext& ctx, ArgReader& args, ListEnd end) {
  ArgReader last = args;  // The timeout stands behind the keys.
  last.Skip(args.left() - 1);
  const int64_t timeout_ms = ReadTimeoutSeconds(last, ctx.keyspace.now());
  if (!last.ok()) return ctx.reply.Error(last.error());
  const std::vector<store::Key> keys = ReadKeys(args, args.left() - 1);
  for (const store::Key& key : keys) {
    const auto outcome = PopAndReply(ctx, key, end, PopForm::kKeyAndElement);
    if (outcome.state == Modified::kAbsent) continue;
    ctx.effects.Instead({end == ListEnd::kHead ? "LPOP" : "RPOP", key.bytes});
    return;
  }
  Wait(ctx, keys, timeout_ms);
}

// Returns whether there is a reply; without one the client waits for `source`.
bool MoveOrWait(CommandContext& ctx, const store::Key& source, const store::Key& destination,
                ListEnd from, ListEnd to, int64_t timeout_ms) {
  if (MoveAndReply(ctx, source, destination, from, to) != Modified::kAbsent) return true;
  ctx.services.BlockOnKeys(ctx, {.keys = {&source, 1},
                                 .type = store::Type::kList,
                                 .timeout_ms = timeout_ms,
                                 .not_waiting = KeyWait::Null::kBulk});
  return false;
}

}  // namespace

void BLPop(CommandContext& ctx, ArgReader& args) { BlockingPop(ctx, args, ListEnd::kHead); }
void BRPop(CommandContext& ctx, ArgReader& args) { BlockingPop(ctx, args, ListEnd::kTail); }

void BLmPop(CommandContext& ctx, ArgReader& args) {
  ArgReader rest = args;  // What is wrong behind the timeout is told before what is wrong with it.
  rest.Skip();
  const MultiPop pop = ReadMultiPop(rest);
  if (!rest.ok()) return ctx.reply.Error(rest.error());
  const int64_t timeout_ms = ReadTimeoutSeconds(args, ctx.keyspace.now());
  if (!args.ok()) return ctx.reply.Error(args.error());
  const std::vector<store::Key> keys = ReadKeys(rest, pop.keys);
  for (const store::Key& key : keys) {
    if (MultiPopFrom(ctx, key, pop)) return;
  }
  Wait(ctx, keys, timeout_ms);
}

void BLMove(CommandContext& ctx, ArgReader& args) {
  const store::Key source = args.Key();
  const store::Key destination = args.Key();
  const ListEnd from = ReadEnd(args);
  const ListEnd to = ReadEnd(args);
  const int64_t timeout_ms = ReadTimeoutSeconds(args, ctx.keyspace.now());
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (MoveOrWait(ctx, source, destination, from, to, timeout_ms)) {
    ctx.effects.Instead({"LMOVE", source.bytes, destination.bytes, ctx.argv[3], ctx.argv[4]});
  }
}

void BRPopLPush(CommandContext& ctx, ArgReader& args) {
  const store::Key source = args.Key();
  const store::Key destination = args.Key();
  const int64_t timeout_ms = ReadTimeoutSeconds(args, ctx.keyspace.now());
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (MoveOrWait(ctx, source, destination, ListEnd::kTail, ListEnd::kHead, timeout_ms)) {
    ctx.effects.Instead({"RPOPLPUSH", source.bytes, destination.bytes});
  }
}

}  // namespace henge::commands
