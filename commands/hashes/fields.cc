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

void DeleteExpired(CommandContext& ctx, const store::Key& key,
                   std::span<const std::string_view> fields) {
  ctx.keyspace.ExpireMembers(key, [&](store::Entry& entry, std::vector<std::string>& names) {
    store::Hash hash = AsHash(ctx, entry);
    for (const std::string_view field : fields) {
      if (!hash.IsExpired(field)) continue;
      hash.Delete(field);
      names.emplace_back(field);
    }
  });
}

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
  if (!ModifyFields(ctx, key, IfAbsent::kCreate, hash_events::kHSet, {&field, 1},
                    [&](store::Hash& hash) {
                      added = !hash.Has(field);
                      if (added) hash.Set(field, value);
                      return added;
                    })) {
    return;
  }
  ctx.reply.Integer(added);
}

void HGet(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto hash = ReadHash(ctx, key, [&] { ctx.reply.Null(); });
  if (!hash) return;
  const std::string_view field = args.Next();
  const auto value = hash->Get(field);
  value ? ReplyText(ctx.reply, *value) : ctx.reply.Null();
  if (!value && hash->HasExpired()) DeleteExpired(ctx, key, {&field, 1});
}

void HMGet(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto fields = args.all().subspan(args.position());
  const auto hash = ReadHash(ctx, key, [&] {
    ctx.reply.Array(fields.size());
    for (size_t i = 0; i < fields.size(); ++i) ctx.reply.Null();
  });
  if (!hash) return;
  ctx.reply.Array(fields.size());
  for (const std::string_view field : fields) {
    const auto value = hash->Get(field);
    value ? ReplyText(ctx.reply, *value) : ctx.reply.Null();
  }
  if (hash->HasExpired()) DeleteExpired(ctx, key, fields);
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
  const store::Key key = args.Key();
  const auto hash = ReadHash(ctx, key, [&] { ctx.reply.Integer(0); });
  if (!hash) return;
  const std::string_view field = args.Next();
  const bool exists = hash->Has(field);
  ctx.reply.Integer(exists);
  if (!exists && hash->HasExpired()) DeleteExpired(ctx, key, {&field, 1});
}

void HLen(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Integer(0); });
  // As Redis, with the expired ones that nobody has come upon yet.
  if (hash) ctx.reply.Integer(static_cast<int64_t>(hash->size()));
}

void HStrLen(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto hash = ReadHash(ctx, key, [&] { ctx.reply.Integer(0); });
  if (!hash) return;
  const std::string_view field = args.Next();
  const auto value = hash->Get(field);
  ctx.reply.Integer(value ? static_cast<int64_t>(value->TextSize()) : 0);
  if (!value && hash->HasExpired()) DeleteExpired(ctx, key, {&field, 1});
}

}  // namespace henge::commands
