// SPDX-License-Identifier: Apache-2.0
// Commands that go over many fields, or draw some by lot.
#include <limits>

#include "commands/hashes/handlers.h"
#include "commands/hashes/hash_access.h"
#include "commands/scan_args.h"

namespace henge::commands {
namespace {

using store::FieldText;

// As ReadHash, for drawing lots: expired fields are deleted first, if they aren't very many, and
// where none is left there is nothing to draw from.
template <class F>
std::optional<store::Hash> ReadLiveHash(CommandContext& ctx, const store::Key& key, F absent) {
  constexpr size_t kDeletedAtOnce = 512;
  auto hash = ReadHash(ctx, key, absent);
  if (!hash || !hash->HasExpired()) return hash;
  ctx.keyspace.ExpireDueMembers(key, kDeletedAtOnce);
  const auto left = ctx.keyspace.PeekAs(key, store::Type::kHash);
  if (left && AsHash(ctx, *left.entry).LiveCount() > 0) return AsHash(ctx, *left.entry);
  absent();
  return std::nullopt;
}

}  // namespace

void HGetAll(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Map(0); });
  if (!hash) return;
  ctx.reply.Map(hash->LiveCount());
  hash->ForEach([&](const FieldText& field, const FieldText& value) {
    ReplyText(ctx.reply, field);
    ReplyText(ctx.reply, value);
  });
}

void HKeys(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Array(0); });
  if (!hash) return;
  ctx.reply.Array(hash->LiveCount());
  hash->ForEach([&](const FieldText& field, const FieldText&) { ReplyText(ctx.reply, field); });
}

void HVals(CommandContext& ctx, ArgReader& args) {
  const auto hash = ReadHash(ctx, args.Key(), [&] { ctx.reply.Array(0); });
  if (!hash) return;
  ctx.reply.Array(hash->LiveCount());
  hash->ForEach([&](const FieldText&, const FieldText& value) { ReplyText(ctx.reply, value); });
}

void HScan(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const auto start = ParseScanCursor(args.Next());
  if (!start) return ctx.reply.Error(kInvalidCursor);
  const auto hash =
      ReadHash(ctx, key, [&] { ScanReply(ctx.reply.protocol()).WriteTo(ctx.reply, 0); });
  if (!hash) return;
  ScanOptions scan;
  bool values = true;
  while (args.ok() && !args.empty()) {
    if (scan.Accept(args)) continue;
    if (args.Accept("NOVALUES")) {
      values = false;
    } else {
      args.FailSyntax();
    }
  }
  if (!args.Done()) return ctx.reply.Error(args.error());

  ScanReply found(ctx.reply.protocol());
  FieldText::Digits digits;
  uint64_t cursor = *start;
  uint64_t visited = 0;
  do {
    cursor = hash->Scan(cursor, visited, [&](const FieldText& field, const FieldText& value) {
      const std::string_view name = field.Text(digits);
      if (!scan.Takes(name)) return;
      found.Add(name);
      if (values) found.Add(value.Text(digits));
    });
  } while (cursor != 0 && visited < scan.count);
  found.WriteTo(ctx.reply, cursor);
}

void HRandField(CommandContext& ctx, ArgReader& args) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const store::Key key = args.Key();
  Random& random = ThreadRandom();
  if (args.empty()) {
    const auto hash = ReadLiveHash(ctx, key, [&] { ctx.reply.Null(); });
    if (!hash) return;
    return hash->DrawAny(
        random, 1, [&](const FieldText& field, const FieldText&) { ReplyText(ctx.reply, field); });
  }
  const int64_t count = args.Integer();
  if (args.ok() && count < -kMax) {
    args.Fail(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
  }
  const bool values = args.ok() && args.Accept("WITHVALUES");
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (values && (count < -kMax / 2 || count > kMax / 2)) {
    return ctx.reply.Error("ERR value is out of range");
  }
  const auto hash = ReadLiveHash(ctx, key, [&] { ctx.reply.Array(0); });
  if (!hash) return;

  const bool pairs = values && ctx.reply.resp3();
  const auto reply = [&](const FieldText& field, const FieldText& value) {
    if (pairs) ctx.reply.Array(2);
    ReplyText(ctx.reply, field);
    if (values) ReplyText(ctx.reply, value);
  };
  const auto header = [&](uint64_t fields) {
    ctx.reply.Array(values && !pairs ? fields * 2 : fields);
    return fields;
  };
  if (count < 0) return hash->DrawAny(random, header(static_cast<uint64_t>(-count)), reply);
  if (static_cast<uint64_t>(count) >= hash->LiveCount()) {
    header(hash->LiveCount());
    return hash->ForEach(reply);
  }
  hash->DrawDifferent(random, header(static_cast<uint64_t>(count)), reply);
}

}  // namespace henge::commands
