// SPDX-License-Identifier: Apache-2.0
// Commands that walk a database. They lock a shard at a time, and only for a batch of keys, so a
// walk over millions of keys delays nobody; what changes during it may or may not be seen.
#include <string>

#include "base/strings.h"
#include "commands/context.h"
#include "commands/keyspace/handlers.h"
#include "commands/scan_args.h"

namespace henge::commands {
namespace {

constexpr size_t kBatch = 512;  // Keys visited in one hold of a shard's lock.

struct ScanFilter {
  ScanOptions options;
  std::string_view type = {};  // Empty: any.

  bool Takes(const store::Entry* entry) const {
    if (!type.empty() && !EqualsIgnoreCase(type, store::TypeName(entry->type()))) return false;
    return options.Takes(entry->key());
  }
};

}  // namespace

void Keys(CommandContext& ctx, ArgReader& args) {
  const std::string_view pattern = args.Next();
  const ScanOptions options{.pattern = pattern, .match_all = pattern == "*"};
  ScanReply found(ctx.reply.protocol());
  uint64_t cursor = 0;
  do {
    cursor = ctx.keyspace.Scan(cursor, kBatch, [&](const store::Entry* entry) {
      if (options.Takes(entry->key())) found.Add(entry->key());
    });
  } while (cursor != 0);
  found.WriteTo(ctx.reply);
}

void Scan(CommandContext& ctx, ArgReader& args) {
  const auto start = ParseScanCursor(args.Next());
  if (!start) return ctx.reply.Error(kInvalidCursor);
  ScanFilter filter;
  while (args.ok() && !args.empty()) {
    if (filter.options.Accept(args)) continue;
    if (args.left() >= 2 && args.Accept("TYPE")) {
      filter.type = args.Next();
      if (filter.type.empty()) filter.type = "none";  // No type's name: filters all.
    } else {
      args.FailSyntax();
    }
  }
  if (!args.Done()) return ctx.reply.Error(args.error());

  ScanReply found(ctx.reply.protocol());
  uint64_t cursor = *start;
  const uint64_t count = filter.options.count;
  do {
    const uint64_t left = count - found.visited();
    cursor = ctx.keyspace.Scan(cursor, left < kBatch ? left : kBatch, [&](const store::Entry* e) {
      found.CountVisit();
      if (filter.Takes(e)) found.Add(e->key());
    });
  } while (cursor != 0 && found.visited() < count);
  found.WriteTo(ctx.reply, cursor);
}

void RandomKey(CommandContext& ctx, ArgReader&) {
  const auto key = ctx.keyspace.RandomKey();
  key ? ctx.reply.Bulk(*key) : ctx.reply.Null();
}

void DbSize(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.keyspace.Count()));
}

}  // namespace henge::commands
