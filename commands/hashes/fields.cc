// SPDX-License-Identifier: Apache-2.0
// Commands on single fields: HSET, HGET, HDEL and their relatives.
#include "commands/hashes/handlers.h"
#include "commands/hashes/hash_access.h"

namespace henge::commands {
namespace {

using IfAbsent = store::Keyspace::IfAbsent;

// Sets all pairs; how many fields are new. Nothing when an error was replied.
std::optional<int64_t> SetAll(CommandContext& ctx, ArgReader& args, std::string_view name) {
  const store::Key key = args.Key();
  if (args.left() % 2 != 0) {
    ctx.reply.Error(errors::WrongArity(name));
    return std::nullopt;
  }
  int64_t added = 0;
  const bool done =
      ModifyHash(ctx, key, IfAbsent::kCreate, hash_events::kHSet, [&](store::Hash& hash) {
        while (!args.empty()) {
          const std::string_view field = args.Next();
          added += hash.Set(field, args.Next());
        }
        return true;
      });
  if (!done) return std::nullopt;
  return added;
}

}  // namespace

void HSet(CommandContext& ctx, ArgReader& args) {
  if (const auto added = SetAll(ctx, args, "hset")) ctx.reply.Integer(*added);
}

void HMSet(CommandContext& ctx, ArgReader& args) {
  if (SetAll(ctx, args, "hmset")) ctx.reply.Ok();
}

void HSetNx(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view field = args.Next();
  const std::string_view value = args.Next();
  bool added = false;
  if (!ModifyHash(ctx, key, IfAbsent::kCreate, hash_events::kHSet, [&](store::Hash& hash) {
        added = !hash.Has(field);
        if (added) hash.Set(field, value);
        return added;
      })) {
    return;
  }
  ctx.reply.Integer(added);
}

void HGet(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Null(); });
  if (!hash) return;
  const auto value = hash->Get(args.Next());
  value ? ReplyText(ctx.reply, *value) : ctx.reply.Null();
}

void HMGet(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const size_t fields = args.left();
  const auto hash = ReadHash(ctx, key, [&] {
    ctx.reply.Array(fields);
    for (size_t i = 0; i < fields; ++i) ctx.reply.Null();
  });
  if (!hash) return;
  ctx.reply.Array(fields);
  while (!args.empty()) {
    const auto value = hash->Get(args.Next());
    value ? ReplyText(ctx.reply, *value) : ctx.reply.Null();
  }
}

void HDel(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  int64_t deleted = 0;
  if (!ModifyHash(ctx, key, IfAbsent::kLeave, hash_events::kHDel, [&](store::Hash& hash) {
        while (!args.empty() && !hash.empty()) deleted += hash.Delete(args.Next());
        return deleted > 0;
      })) {
    return;
  }
  ctx.reply.Integer(deleted);
}

void HExists(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Integer(0); });
  if (hash) ctx.reply.Integer(hash->Has(args.Next()));
}

void HLen(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Integer(0); });
  if (hash) ctx.reply.Integer(static_cast<int64_t>(hash->size()));
}

void HStrLen(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Integer(0); });
  if (!hash) return;
  const auto value = hash->Get(args.Next());
  ctx.reply.Integer(value ? static_cast<int64_t>(value->TextSize()) : 0);
}

}  // namespace henge::commands
