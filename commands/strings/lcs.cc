// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/lcs.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

struct LcsOptions {
  bool length = false;
  bool ranges = false;
  bool with_lengths = false;
  int64_t shortest = 0;  // MINMATCHLEN
};

// The same bytes in both strings, in a row.
struct Match {
  size_t a;
  size_t b;
  size_t size;
};

// The lengths of the longest common subsequences of all prefixes: row i, column j for the first i
// bytes of a and the first j of b. (Wagner and Fischer, 1974.)
class PrefixLengths {
 public:
  // Not valid() when there is no memory for it.
  PrefixLengths(std::string_view a, std::string_view b)
      : width_(b.size() + 1), cells_(new(std::nothrow) uint32_t[(a.size() + 1) * width_]) {
    if (!valid()) return;
    std::fill_n(cells_.get(), width_, 0);
    for (size_t i = 1; i <= a.size(); ++i) {
      const uint32_t* above = &cells_[(i - 1) * width_];
      uint32_t* row = &cells_[i * width_];
      row[0] = 0;
      for (size_t j = 1; j <= b.size(); ++j) {
        row[j] = a[i - 1] == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
      }
    }
  }
  bool valid() const { return cells_ != nullptr; }
  uint32_t At(size_t i, size_t j) const { return cells_[i * width_ + j]; }

 private:
  size_t width_;
  std::unique_ptr<uint32_t[]> cells_;
};

// One longest common subsequence as runs, from the strings' ends to their beginnings. Of several it
// is the one that gives up a byte of b rather than of a.
std::vector<Match> Trace(const PrefixLengths& lengths, std::string_view a, std::string_view b) {
  std::vector<Match> matches;
  bool in_run = false;
  for (size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
    if (a[i - 1] == b[j - 1]) {
      --i, --j;
      if (in_run) {
        matches.back() = {i, j, matches.back().size + 1};
      } else {
        matches.push_back({i, j, 1});
      }
      in_run = true;
      continue;
    }
    in_run = false;
    lengths.At(i - 1, j) > lengths.At(i, j - 1) ? --i : --j;
  }
  return matches;
}

void ReplyRange(proto::ReplyWriter& reply, size_t begin, size_t size) {
  reply.Array(2);
  reply.Integer(static_cast<int64_t>(begin));
  reply.Integer(static_cast<int64_t>(begin + size - 1));
}

void ReplyMatches(CommandContext& ctx, const LcsOptions& options, std::vector<Match> matches,
                  uint32_t length) {
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
  ctx.reply.Integer(length);
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

// Why the table of these two is too large; empty if it isn't.
std::string_view TooLarge(const CommandContext& ctx, size_t a, size_t b) {
  if (a >= UINT32_MAX - 1 || b >= UINT32_MAX - 1) return "ERR String too long for LCS";
  const auto limit = static_cast<uint64_t>(
      ctx.services.settings().proto_max_bulk_len.load(std::memory_order_relaxed));
  // Two factors below 2^32 and a size of four: no overflow in 128 bits, so none is lost here.
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
  if (const auto error = TooLarge(ctx, a.size(), b.size()); !error.empty()) {
    return ctx.reply.Error(error);
  }
  const PrefixLengths lengths(a, b);
  if (!lengths.valid()) {
    return ctx.reply.Error("ERR Insufficient memory, failed allocating transient memory for LCS");
  }
  const uint32_t length = lengths.At(a.size(), b.size());
  if (options.length) return ctx.reply.Integer(length);
  std::vector<Match> matches = Trace(lengths, a, b);
  if (options.ranges) return ReplyMatches(ctx, options, std::move(matches), length);
  std::string common;
  for (auto match = matches.rbegin(); match != matches.rend(); ++match) {
    common += a.substr(match->a, match->size);
  }
  ctx.reply.Bulk(common);
}

}  // namespace henge::commands
