// SPDX-License-Identifier: Apache-2.0
// Commands that read or set fields and their deadlines at once: HGETEX, HSETEX, HGETDEL.
#include <limits>

#include "commands/hashes/field_args.h"
#include "commands/hashes/handlers.h"
#include "commands/hashes/hash_access.h"

namespace henge::commands {
namespace {

using IfAbsent = store::Keyspace::IfAbsent;
using Fields = std::span<const std::string_view>;

void ReplyNulls(CommandContext& ctx, size_t count) {
  ctx.reply.Array(count);
  for (size_t i = 0; i < count; ++i) ctx.reply.Null();
}

// --- HSETEX -------------------------------------------------------------------------------------

struct SetOptions {
  enum class If : uint8_t { kAlways, kNoneExists, kAllExist };
  If condition = If::kAlways;
  std::optional<UnixMillis> at = {};
  bool keep_deadlines = false;
};

// One of the options before FIELDS; false when the next argument is none.
bool AcceptOption(CommandContext& ctx, ArgReader& args, SetOptions& options) {
  using If = SetOptions::If;
  const bool fnx = args.Accept("FNX");
  if (fnx || args.Accept("FXX")) {
    if (options.condition != If::kAlways) {
      args.Fail("ERR Only one of FXX or FNX arguments can be specified");
    }
    options.condition = fnx ? If::kNoneExists : If::kAllExist;
    return true;
  }
  const bool keeps = args.Accept("KEEPTTL");
  const auto unit = keeps ? std::nullopt : AcceptTimeUnit(args);
  if (!keeps && !unit) return false;
  if (options.at || options.keep_deadlines) {
    args.Fail("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
  } else if (keeps) {
    options.keep_deadlines = true;
  } else if (args.empty()) {
    args.Fail("ERR missing expire time");
  } else {
    options.at = ReadFieldDeadline(ctx, args, *unit);
  }
  return true;
}

// The options, then "FIELDS n field value …": returns fields and values.
Fields ReadPairs(CommandContext& ctx, ArgReader& args, SetOptions& options) {
  while (args.ok() && !args.Accept("FIELDS")) {
    if (args.empty()) {
      args.Fail(errors::WrongArity(ctx.spec.name));
    } else if (!AcceptOption(ctx, args, options)) {
      args.Fail("ERR unknown argument: " + std::string(args.Peek()));
    }
  }
  if (args.ok() && args.left() < 3) args.Fail(errors::WrongArity(ctx.spec.name));
  const int64_t count =
      args.IntegerIn(1, std::numeric_limits<int32_t>::max(), "ERR invalid number of fields");
  if (args.ok() && (args.left() % 2 != 0 || static_cast<size_t>(count) != args.left() / 2)) {
    args.Fail(errors::WrongArity(ctx.spec.name));
  }
  const Fields pairs = args.all().subspan(args.position());
  args.Skip(pairs.size());
  return pairs;
}

bool Holds(const store::Hash& hash, SetOptions::If condition,
           const std::vector<std::string_view>& names) {
  if (condition == SetOptions::If::kAlways) return true;
  for (const std::string_view name : names) {
    if (hash.Has(name) != (condition == SetOptions::If::kAllExist)) return false;
  }
  return true;
}

void SayPairs(CommandContext& ctx, const store::Key& key, Fields pairs, UnixMillis at) {
  if (!ctx.effects.wanted()) return;
  const std::string time = std::to_string(at);
  const std::string count = std::to_string(pairs.size() / 2);
  std::vector<std::string_view> words = {"HSETEX", key.bytes, "PXAT", time, "FIELDS", count};
  words.insert(words.end(), pairs.begin(), pairs.end());
  ctx.effects.Instead(words);
}

// A deadline of the past: the fields are set and deleted at once, even those that were never there.
void SetForNothing(CommandContext& ctx, const store::Key& key, SetOptions::If condition,
                   const std::vector<std::string_view>& names) {
  FieldEffect deleted(ctx);
  bool there = false;
  bool set = condition != SetOptions::If::kAllExist;
  if (!ModifyFields(ctx, key, IfAbsent::kLeave, hash_events::kHDel, names, [&](store::Hash& hash) {
        there = true;
        set = Holds(hash, condition, names);
        if (!set) return false;
        for (const std::string_view name : names) {
          if (hash.Delete(name)) deleted.Add(name);
        }
        ctx.keyspace.AddEvent(key, hash_events::kHSet);
        return deleted.count() > 0;
      })) {
    return;
  }
  ctx.reply.Integer(set);
  if (deleted.count() > 0) return deleted.SayDeleted(key);
  if (!set) return;
  if (!there) ctx.keyspace.AddEvent(key, hash_events::kHSet);
  ctx.keyspace.AddEvent(key, hash_events::kHDel);
  if (!there) ctx.keyspace.AddEvent(key, store::events::kDel);
}

}  // namespace

void HSetEx(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  SetOptions options;
  const Fields pairs = ReadPairs(ctx, args, options);
  if (!args.Done()) return ctx.reply.Error(args.error());
  std::vector<std::string_view> names;
  for (size_t i = 0; i < pairs.size(); i += 2) names.push_back(pairs[i]);
  if (options.at && *options.at <= ctx.keyspace.visible_now()) {
    return SetForNothing(ctx, key, options.condition, names);
  }

  const auto old_deadline =
      options.keep_deadlines ? store::Hash::Deadline::kKeep : store::Hash::Deadline::kDrop;
  // Fields are looked at, and found to have expired, only where that matters.
  const auto read = options.condition == SetOptions::If::kAlways ? Fields() : Fields(names);
  bool set = false;
  if (!ModifyFields(ctx, key, IfAbsent::kCreate, hash_events::kHSet, read, [&](store::Hash& hash) {
        set = Holds(hash, options.condition, names);
        for (size_t i = 0; set && i < pairs.size(); i += 2) {
          hash.Set(pairs[i], pairs[i + 1], old_deadline);
          if (options.at) hash.SetDeadline(pairs[i], *options.at);
        }
        return set;
      })) {
    return;
  }
  ctx.reply.Integer(set);
  if (!set || !options.at) return;
  SayPairs(ctx, key, pairs, *options.at);
  ctx.keyspace.AddEvent(key, hash_events::kHExpire);
}

void HGetDel(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const Fields fields = ReadFields(args, kBadFieldCount);
  if (!args.Done()) return ReplyBadArgs(ctx, key, args);
  FieldEffect deleted(ctx);
  bool there = false;
  if (!ModifyFields(ctx, key, IfAbsent::kLeave, hash_events::kHDel, fields, [&](store::Hash& hash) {
        there = true;
        ctx.reply.Array(fields.size());
        for (const std::string_view field : fields) {
          const auto value = hash.Get(field);
          value ? ReplyText(ctx.reply, *value) : ctx.reply.Null();
          if (!value) continue;
          hash.Delete(field);
          deleted.Add(field);
        }
        return deleted.count() > 0;
      })) {
    return;
  }
  if (!there) return ReplyNulls(ctx, fields.size());
  deleted.SayDeleted(key);
}

void HGetEx(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  std::optional<UnixMillis> at;  // kNoExpiry: the deadline is removed.
  if (args.Accept("PERSIST")) {
    at = kNoExpiry;
  } else if (const auto unit = AcceptTimeUnit(args)) {
    at = ReadFieldDeadline(ctx, args, *unit);
  }
  const Fields fields = ReadFields(args, kBadFieldCount);
  if (!args.Done()) return ReplyBadArgs(ctx, key, args);

  const bool persists = at == kNoExpiry;
  const bool past = at && !persists && *at <= ctx.keyspace.visible_now();
  const store::Event& event = past       ? hash_events::kHDel
                              : persists ? hash_events::kHPersist
                                         : hash_events::kHExpire;
  FieldEffect changed(ctx);
  bool there = false;
  if (!ModifyFields(ctx, key, IfAbsent::kLeave, event, fields, [&](store::Hash& hash) {
        there = true;
        ctx.reply.Array(fields.size());
        for (const std::string_view field : fields) {
          const auto value = hash.Get(field);
          value ? ReplyText(ctx.reply, *value) : ctx.reply.Null();
          if (!value || !at || (persists && hash.DeadlineOf(field) == kNoExpiry)) continue;
          past ? (void)hash.Delete(field) : hash.SetDeadline(field, *at);
          changed.Add(field);
        }
        return changed.count() > 0;
      })) {
    return;
  }
  if (!there) return ReplyNulls(ctx, fields.size());
  if (past) {
    changed.SayDeleted(key);
  } else if (persists) {
    changed.SayFields("HPERSIST", key);
  } else if (at) {
    changed.SayFields("HPEXPIREAT", key, *at);
  }
}

}  // namespace henge::commands
