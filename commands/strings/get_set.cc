// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/get_set.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"
#include "commands/context.h"
#include "commands/expiry_args.h"
#include "commands/strings/set_options.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

// A follower can't know when "in ten seconds" began: deadlines are told as moments.
void TellSetUntil(CommandContext& ctx, const store::Key& key, std::string_view value,
                  UnixMillis at) {
  if (ctx.effects.wanted()) {
    ctx.effects.Instead({"SET", key.bytes, value, "PXAT", std::to_string(at)});
  }
}

// Replies with the value, null if absent; false after a WRONGTYPE.
bool ReplyOld(CommandContext& ctx, const store::Entry* entry) {
  if (entry == nullptr) {
    ctx.reply.Null();
    return true;
  }
  if (IsOtherType(ctx, entry)) return false;
  ReplyString(ctx.reply, *entry);
  return true;
}

void SetWithDeadline(CommandContext& ctx, ArgReader& args, TimeUnit unit) {
  const store::Key key = args.Key();
  const SetOptions options{.unit = unit, .number = args.Next()};
  const auto at = DeadlineOrReply(ctx, options);
  if (!at) return;
  const std::string_view value = args.Next();
  ctx.keyspace.SetString(key, value, *at, store::events::kSet);
  TellSetUntil(ctx, key, value, *at);
  ctx.keyspace.AddEvent(key, store::events::kExpire);
  ctx.reply.Ok();
}

// As it came, but that nobody reads what GET would answer.
void TellWithoutGet(CommandContext& ctx) {
  if (!ctx.effects.wanted()) return;
  std::vector<std::string_view> words(ctx.argv.begin(), ctx.argv.end());
  words.erase(std::remove_if(words.begin() + 3, words.end(),
                             [](std::string_view word) { return EqualsIgnoreCase(word, "GET"); }),
              words.end());
  ctx.effects.Instead(words);
}

// Says that the value was stored, without the condition that it was stored under.
void TellSet(CommandContext& ctx, const store::Key& key, std::string_view value, bool keep_ttl) {
  keep_ttl ? ctx.effects.Instead({"SET", key.bytes, value, "KEEPTTL"})
           : ctx.effects.Instead({"SET", key.bytes, value});
}

// `old` is a string where IFEQ asks for one, or null.
bool ConditionHolds(const SetOptions& options, const store::Entry* old) {
  if (options.Has(kOptionNx)) return old == nullptr;
  if (options.Has(kOptionXx)) return old != nullptr;
  if (!options.Has(kOptionIfEq)) return true;
  return old != nullptr && StringBytes(old).view() == options.comparison;
}

}  // namespace

void Get(CommandContext& ctx, ArgReader& args) { ReplyOld(ctx, ctx.keyspace.Read(args.Key())); }

void GetDel(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const store::Entry* entry = ctx.keyspace.Read(key);
  if (!ReplyOld(ctx, entry) || entry == nullptr) return;
  ctx.keyspace.Delete(key, store::events::kDel);
  ctx.effects.Instead({"DEL", key.bytes});
}

void DelIfEq(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view comparison = args.Next();
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (IsOtherType(ctx, entry)) return;
  if (StringBytes(entry).view() != comparison) return ctx.reply.Integer(0);
  ctx.keyspace.Delete(key, store::events::kDel);
  ctx.effects.Instead({"DEL", key.bytes});
  ctx.reply.Integer(1);
}

void GetEx(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const SetOptions options = ReadSetOptions(args, kOptionPersist);
  if (!args.Done()) return ctx.reply.Error(args.error());
  store::Entry* entry = ctx.keyspace.Read(key);
  if (entry == nullptr) return ctx.reply.Null();
  if (IsOtherType(ctx, entry)) return;
  const auto at = DeadlineOrReply(ctx, options);
  if (!at) return;
  ReplyString(ctx.reply, *entry);
  if (options.Has(kOptionPersist) && entry->has_expiry()) {
    ctx.keyspace.SetExpiry(key, entry, kNoExpiry, store::events::kPersist);
    ctx.effects.Instead({"PERSIST", key.bytes});
  } else if (options.unit) {
    MoveDeadline(ctx, key, entry, *at);
  }
}

void GetSet(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view value = args.Next();
  if (!ReplyOld(ctx, ctx.keyspace.Read(key))) return;
  ctx.keyspace.SetString(key, value, kNoExpiry, store::events::kSet);
  ctx.effects.Instead({"SET", key.bytes, value});
}

void Set(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view value = args.Next();
  if (args.empty()) {  // By far the most common form.
    ctx.keyspace.SetString(key, value, kNoExpiry, store::events::kSet);
    return ctx.reply.Ok();
  }
  const SetOptions options =
      ReadSetOptions(args, kOptionNx | kOptionXx | kOptionIfEq | kOptionGet | kOptionKeepTtl);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto at = DeadlineOrReply(ctx, options);
  if (!at) return;

  const bool get = options.Has(kOptionGet);
  const store::Entry* old = get ? ctx.keyspace.Read(key) : ctx.keyspace.Find(key);
  if (get && !ReplyOld(ctx, old)) return;
  const bool compare = options.Has(kOptionIfEq);
  if (compare && old != nullptr && IsOtherType(ctx, old)) return;
  if (!ConditionHolds(options, old)) {
    if (!get) ctx.reply.Null();
    return;
  }
  const bool keep = options.Has(kOptionKeepTtl) && old != nullptr;
  ctx.keyspace.SetString(key, value, keep ? old->expiry() : *at, store::events::kSet);
  if (options.unit) {
    ctx.keyspace.AddEvent(key, store::events::kExpire);
    const bool as_it_came = options.given == 0 && !options.unit->seconds && options.unit->absolute;
    if (!as_it_came) TellSetUntil(ctx, key, value, *at);
  } else if (compare) {
    TellSet(ctx, key, value, options.Has(kOptionKeepTtl));
  } else if (get) {
    TellWithoutGet(ctx);
  }
  if (!get) ctx.reply.Ok();
}

void SetEx(CommandContext& ctx, ArgReader& args) {
  SetWithDeadline(ctx, args, {.seconds = true, .absolute = false});
}

void PSetEx(CommandContext& ctx, ArgReader& args) {
  SetWithDeadline(ctx, args, {.seconds = false, .absolute = false});
}

void SetNx(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view value = args.Next();
  if (ctx.keyspace.Find(key) != nullptr) return ctx.reply.Integer(0);
  ctx.keyspace.SetString(key, value, kNoExpiry, store::events::kSet);
  ctx.reply.Integer(1);
}

void StrLen(CommandContext& ctx, ArgReader& args) {
  const store::Entry* entry = ctx.keyspace.Read(args.Key());
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (IsOtherType(ctx, entry)) return;
  ctx.reply.Integer(static_cast<int64_t>(entry->StringSize()));
}

void RefineSetKey(std::span<const std::string_view> argv, std::vector<KeyPosition>& found) {
  const auto options = argv.subspan(std::min<size_t>(3, argv.size()));
  const bool reads = std::any_of(options.begin(), options.end(), [](std::string_view option) {
    return EqualsIgnoreCase(option, "GET") || EqualsIgnoreCase(option, "IFEQ");
  });
  if (!found.empty()) found.back().flags = reads ? kRW | kAccess | kUpdate : kOW | kUpdate;
}

}  // namespace henge::commands
