// SPDX-License-Identifier: Apache-2.0
// Commands that delete, look at, rename and duplicate keys whatever they hold.
#include <optional>

#include "commands/context.h"
#include "commands/keyspace/handlers.h"

namespace henge::commands {
namespace {

// A database's number, checked against those there are. A cluster has but one, though Redis says
// so in other words there.
DbIndex ReadDatabase(CommandContext& ctx, ArgReader& args) {
  const int32_t index = args.Int32();
  if (ctx.services.cluster() != nullptr && index > 0) {
    args.Fail("ERR Copying to another database is not allowed in cluster mode");
  } else if (index < 0 || index >= ctx.keyspace.store().databases()) {
    args.Fail(errors::kDbIndexOutOfRange);
  }
  return args.ok() ? static_cast<DbIndex>(index) : DbIndex{0};
}

// RENAME and RENAMENX: what becomes of `from`, or nothing when there is no such key.
std::optional<bool> RenameKey(CommandContext& ctx, ArgReader& args, bool only_if_absent) {
  const store::Key from = args.Key();
  const store::Key to = args.Key();
  if (ctx.keyspace.Find(from) == nullptr) return std::nullopt;
  if (from.bytes == to.bytes) return false;
  if (only_if_absent && ctx.keyspace.Find(to) != nullptr) return false;
  ctx.keyspace.Rename(from, to);
  return true;
}

}  // namespace

void Del(CommandContext& ctx, ArgReader& args) {  // And UNLINK: large values never free here.
  int64_t deleted = 0;
  while (!args.empty()) deleted += ctx.keyspace.Delete(args.Key(), store::events::kDel) ? 1 : 0;
  ctx.reply.Integer(deleted);
}

void Exists(CommandContext& ctx, ArgReader& args) {
  int64_t count = 0;
  while (!args.empty()) count += ctx.keyspace.Inspect(args.Key()) != nullptr ? 1 : 0;
  ctx.reply.Integer(count);
}

void Touch(CommandContext& ctx, ArgReader& args) {
  int64_t touched = 0;
  while (!args.empty()) {
    const store::Key key = args.Key();
    if (ctx.keyspace.Inspect(key) == nullptr) continue;
    ctx.keyspace.Find(key);  // Stamps the access, also for clients under CLIENT NO-TOUCH.
    ++touched;
  }
  ctx.reply.Integer(touched);
}

void Type(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Inspect(args.Key());
  ctx.reply.Simple(entry == nullptr ? "none" : store::TypeName(entry->type()));
}

void Rename(CommandContext& ctx, ArgReader& args) {
  if (!RenameKey(ctx, args, false)) return ctx.reply.Error(errors::kNoSuchKey);
  ctx.reply.Ok();
}

void RenameNx(CommandContext& ctx, ArgReader& args) {
  const auto renamed = RenameKey(ctx, args, true);
  if (!renamed) return ctx.reply.Error(errors::kNoSuchKey);
  ctx.reply.Integer(*renamed ? 1 : 0);
}

void Copy(CommandContext& ctx, ArgReader& args) {
  const store::Key from = args.Key();
  const store::Key to = args.Key();
  DbIndex db = ctx.keyspace.db();
  bool replace = false;
  while (args.ok() && !args.empty()) {
    if (args.Accept("REPLACE")) {
      replace = true;
    } else if (args.left() >= 2 && args.Accept("DB")) {
      db = ReadDatabase(ctx, args);
    } else {
      args.FailSyntax();
    }
  }
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (db == ctx.keyspace.db() && from.bytes == to.bytes) {
    return ctx.reply.Error(errors::kSameObject);
  }
  if (ctx.keyspace.Read(from) == nullptr) return ctx.reply.Integer(0);
  store::Keyspace target = ctx.keyspace.InDatabase(db);
  if (target.Find(to) != nullptr && !replace) return ctx.reply.Integer(0);
  ctx.keyspace.CopyTo(target, from, to);
  ctx.reply.Integer(1);
}

void Move(CommandContext& ctx, ArgReader& args) {
  if (ctx.services.cluster() != nullptr) {
    return ctx.reply.Error("ERR MOVE is not allowed in cluster mode");
  }
  const store::Key key = args.Key();
  const DbIndex db = ReadDatabase(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (db == ctx.keyspace.db()) return ctx.reply.Error(errors::kSameObject);
  store::Keyspace target = ctx.keyspace.InDatabase(db);
  if (ctx.keyspace.Find(key) == nullptr || target.Find(key) != nullptr) {
    return ctx.reply.Integer(0);
  }
  ctx.keyspace.MoveTo(target, key);
  ctx.reply.Integer(1);
}

}  // namespace henge::commands
