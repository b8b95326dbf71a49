// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/lcs.h"

#include <cstdint>
#include <string>
#include <vector>

#include "commands/context.h"
#include "commands/strings/longest_subsequence.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

struct LcsOptions {
  bool length = false;
  bool ranges = false;
  bool with_lengths = false;
  int64_t shortest = 0;  // MINMATCHLEN
};

using Match = LongestSubsequence::Match;

void ReplyRange(proto::ReplyWriter& reply, size_t begin, size_t size) {
  reply.Array(2);
  reply.Integer(static_cast<int64_t>(begin));
  reply.Integer(static_cast<int64_t>(begin + size - 1));
}

void ReplyMatches(CommandContext& ctx, const LcsOptions& options, std::vector<Match> matches,
                  size_t length) {
  std::erase_if(matches, [&](const Match& match) {
    return static_cast<int64_t>(match.size) < options.shortest;
  });
  ctx.reply.Map(2);
  ctx.reply.Bulk("matches");
  ctx.reply.Array(matches.size());
  for (const Match& match : matches) {
    ctx.reply.Array(options.with_lengths ? 3 : 2);
    ReplyRange(ctx.reply, match.a, match.size);
    ReplyRange(ctx.reply, match.b, match.size);
    if (options.with_lengths) ctx.reply.Integer(static_cast<int64_t>(match.size));
  }
  ctx.reply.Bulk("len");
  ctx.reply.Integer(static_cast<int64_t>(length));
}

LcsOptions ReadOptions(ArgReader& args) {
  LcsOptions options;
  while (args.ok() && !args.empty()) {
    if (args.Accept("IDX")) {
      options.ranges = true;
    } else if (args.Accept("LEN")) {
      options.length = true;
    } else if (args.Accept("WITHMATCHLEN")) {
      options.with_lengths = true;
    } else if (args.left() > 1 && args.Accept("MINMATCHLEN")) {
      options.shortest = args.Integer();
    } else {
      args.FailSyntax();
    }
  }
  if (options.length && options.ranges) {
    args.Fail("ERR If you want both the length and indexes, please just use IDX.");
  }
  return options;
}

// Why these two are too long for Redis, whose table takes four bytes for each pair of prefixes;
// empty if they aren't. Ours is smaller, but bounds the time as well.
std::string_view TooLong(const CommandContext& ctx, size_t a, size_t b) {
  if (a >= UINT32_MAX - 1 || b >= UINT32_MAX - 1) return "ERR String too long for LCS";
  const auto limit = static_cast<uint64_t>(
      ctx.services.settings().proto_max_bulk_len.load(std::memory_order_relaxed));
  if ((a + 1) > limit / sizeof(uint32_t) / (b + 1)) {
    return "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
  }
  return "";
}

}  // namespace

void Lcs(CommandContext& ctx, ArgReader& args) {
  const store::Entry* first = ctx.keyspace.Read(args.Key());
  const store::Entry* second = ctx.keyspace.Read(args.Key());
  for (const store::Entry* entry : {first, second}) {
    if (entry != nullptr && entry->type() != store::Type::kString) {
      return ctx.reply.Error("ERR The specified keys must contain string values");
    }
  }
  const LcsOptions options = ReadOptions(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const StringBytes a_bytes(first);
  const StringBytes b_bytes(second);
  const std::string_view a = a_bytes.view();
  const std::string_view b = b_bytes.view();
  if (const auto error = TooLong(ctx, a.size(), b.size()); !error.empty()) {
    return ctx.reply.Error(error);
  }
  const LongestSubsequence lcs(a, b, /*traceable=*/!options.length);
  if (!lcs.valid()) {
    return ctx.reply.Error("ERR Insufficient memory, failed allocating transient memory for LCS");
  }
  if (options.length) return ctx.reply.Integer(static_cast<int64_t>(lcs.length()));
  std::vector<Match> matches = lcs.Matches();
  if (options.ranges) return ReplyMatches(ctx, options, std::move(matches), lcs.length());
  std::string common;
  common.reserve(lcs.length());
  for (auto match = matches.rbegin(); match != matches.rend(); ++match) {
    common += a.substr(match->a, match->size);
  }
  ctx.reply.Bulk(common);
}

}  // namespace henge::commands
