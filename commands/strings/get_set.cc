// SPDX-License-Identifier: Apache-2.0
// GET and SET with its relatives: whole values in, whole values out.
#include "commands/strings/get_set.h"

#include <optional>

#include "commands/context.h"
#include "commands/expiry_args.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

struct SetOptions {
  bool only_if_absent = false;
  bool only_if_present = false;
  bool get = false;
  bool keep_ttl = false;
  UnixMillis expiry = kNoExpiry;
};

SetOptions ReadSetOptions(ArgReader& args, UnixMillis now) {
  SetOptions options;
  bool has_expiry = false;
  while (args.ok() && !args.empty()) {
    if (!options.only_if_present && args.Accept("NX")) {
      options.only_if_absent = true;
    } else if (!options.only_if_absent && args.Accept("XX")) {
      options.only_if_present = true;
    } else if (args.Accept("GET")) {
      options.get = true;
    } else if (!has_expiry && args.Accept("KEEPTTL")) {
      options.keep_ttl = true;
    } else if (const auto unit = AcceptTimeUnit(args)) {
      if (has_expiry || options.keep_ttl) return args.FailSyntax(), options;
      has_expiry = true;
      if (args.empty()) return args.FailSyntax(), options;
      const auto at = Deadline(args.Integer(), *unit, now, /*allow_past=*/false);
      if (args.ok() && !at) args.Fail(errors::InvalidExpire("set"));
      if (at) options.expiry = *at;
    } else {
      args.FailSyntax();
    }
  }
  return options;
}

}  // namespace

void Get(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Read(args.Key());
  if (entry == nullptr) return ctx.reply.Null();
  if (entry->type() != store::Type::kString) return ctx.reply.Error(errors::kWrongType);
  ReplyString(ctx.reply, *entry);
}

void Set(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view value = args.Next();
  if (args.empty()) {  // By far the most common form.
    ctx.keyspace.SetString(key, value, kNoExpiry, store::events::kSet);
    return ctx.reply.Ok();
  }
  const SetOptions options = ReadSetOptions(args, ctx.keyspace.now());
  if (!args.Done()) return ctx.reply.Error(args.error());

  const store::Entry* old = options.get ? ctx.keyspace.Read(key) : ctx.keyspace.Find(key);
  if (options.get) {
    if (old != nullptr && old->type() != store::Type::kString) {
      return ctx.reply.Error(errors::kWrongType);
    }
    old == nullptr ? ctx.reply.Null() : ReplyString(ctx.reply, *old);
  }
  if ((options.only_if_absent && old != nullptr) || (options.only_if_present && old == nullptr)) {
    if (!options.get) ctx.reply.Null();
    return;
  }
  const UnixMillis expiry = options.keep_ttl && old != nullptr ? old->expiry() : options.expiry;
  ctx.keyspace.SetString(key, value, expiry, store::events::kSet);
  if (!options.get) ctx.reply.Ok();
}

}  // namespace henge::commands
