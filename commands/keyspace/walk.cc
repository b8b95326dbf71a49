// SPDX-License-Identifier: Apache-2.0
// Commands that walk a database. They lock a shard at a time, and only for a batch of keys, so a
// walk over millions of keys delays nobody; what changes during it may or may not be seen.
#include <array>
#include <optional>
#include <string>

#include "base/glob.h"
#include "base/numbers.h"
#include "base/strings.h"
#include "commands/context.h"
#include "commands/keyspace/handlers.h"

namespace henge::commands {
namespace {

constexpr size_t kBatch = 512;  // Keys visited in one hold of a shard's lock.

// Replies of keys, collected before their number is known.
class KeyList {
 public:
  explicit KeyList(int protocol) : writer_(buffer_, protocol) {}
  void Add(std::string_view key) {
    writer_.Bulk(key);
    ++size_;
  }
  void WriteTo(proto::ReplyWriter& reply) {
    reply.Array(size_);
    reply.buffer().Append(buffer_.Since({.size = 0, .blobs = 0}));
  }

 private:
  proto::ReplyBuffer buffer_;
  proto::ReplyWriter writer_;
  size_t size_ = 0;
};

// A cursor as clients give it: what strtoul takes, sign and leading zeros included, but nothing
// behind the digits.
std::optional<uint64_t> ParseCursor(std::string_view text) {
  if (text.empty()) return 0;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  while (text.size() > 1 && text[0] == '0') text.remove_prefix(1);
  const auto value = ParseUint64(text);
  return value && negative ? uint64_t{0} - *value : value;
}

struct ScanFilter {
  std::string_view pattern;  // Empty: `match_all`.
  bool match_all = true;
  std::string_view type;  // Empty: any.

  bool Takes(const store::Entry* entry) const {
    if (!type.empty() && !EqualsIgnoreCase(type, store::TypeName(entry->type()))) return false;
    return match_all || GlobMatch(pattern, entry->key());
  }
};

}  // namespace

void Keys(CommandContext& ctx, ArgReader& args) {
  const std::string_view pattern = args.Next();
  const ScanFilter filter{.pattern = pattern, .match_all = pattern == "*", .type = {}};
  KeyList found(ctx.reply.protocol());
  uint64_t cursor = 0;
  do {
    cursor = ctx.keyspace.Scan(cursor, kBatch, [&](const store::Entry* entry) {
      if (filter.Takes(entry)) found.Add(entry->key());
    });
  } while (cursor != 0);
  found.WriteTo(ctx.reply);
}

void Scan(CommandContext& ctx, ArgReader& args) {
  const auto start = ParseCursor(args.Next());
  if (!start) return ctx.reply.Error("ERR invalid cursor");
  ScanFilter filter;
  int64_t count = 10;
  while (args.ok() && !args.empty()) {
    if (args.left() >= 2 && args.Accept("COUNT")) {
      count = args.Integer();
      if (args.ok() && count < 1) args.FailSyntax();
    } else if (args.left() >= 2 && args.Accept("MATCH")) {
      filter.pattern = args.Next();
      filter.match_all = filter.pattern == "*";
    } else if (args.left() >= 2 && args.Accept("TYPE")) {
      filter.type = args.Next();
      if (filter.type.empty()) filter.type = "none";  // No type's name: filters all.
    } else {
      args.FailSyntax();
    }
  }
  if (!args.Done()) return ctx.reply.Error(args.error());

  KeyList found(ctx.reply.protocol());
  uint64_t cursor = *start;
  auto left = static_cast<size_t>(count);
  do {
    size_t seen = 0;
    cursor = ctx.keyspace.Scan(cursor, left < kBatch ? left : kBatch, [&](const store::Entry* e) {
      ++seen;
      if (filter.Takes(e)) found.Add(e->key());
    });
    left -= seen < left ? seen : left;
  } while (cursor != 0 && left > 0);

  std::array<char, kInt64Chars> digits;
  ctx.reply.Array(2);
  ctx.reply.Bulk({digits.data(), FormatUint64(cursor, digits.data())});
  found.WriteTo(ctx.reply);
}

void RandomKey(CommandContext& ctx, ArgReader&) {
  const auto key = ctx.keyspace.RandomKey();
  key ? ctx.reply.Bulk(*key) : ctx.reply.Null();
}

void DbSize(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.keyspace.store().KeyCount(ctx.keyspace.db())));
}

}  // namespace henge::commands
