// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "commands/lists/handlers.h"
#include "commands/lists/index_range.h"

namespace henge::commands {
namespace {

using store::List;
using store::ListEnd;

struct PosOptions {
  int64_t rank = 1;
  int64_t count = -1;  // Not given.
  int64_t most = 0;    // 0: all.
};

constexpr int64_t kMaxLong = INT64_MAX;

int64_t ReadRank(ArgReader& args) {
  const int64_t rank = args.Integer();
  if (rank == INT64_MIN) {
    args.Fail(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
  }
  if (rank == 0) {
    args.Fail(
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
        "negative to start from the end of the list");
  }
  return rank;
}

PosOptions ReadPosOptions(ArgReader& args) {
  PosOptions options;
  while (args.ok() && !args.empty()) {
    if (args.left() == 1) {
      args.FailSyntax();
    } else if (args.Accept("RANK")) {
      options.rank = ReadRank(args);
    } else if (args.Accept("COUNT")) {
      options.count = args.IntegerIn(0, kMaxLong, "ERR COUNT can't be negative");
    } else if (args.Accept("MAXLEN")) {
      options.most = args.IntegerIn(0, kMaxLong, "ERR MAXLEN can't be negative");
    } else {
      args.FailSyntax();
    }
  }
  return options;
}

std::vector<uint64_t> FindPositions(const List& list, std::string_view text,
                                    const PosOptions& options) {
  const ListEnd from = options.rank < 0 ? ListEnd::kTail : ListEnd::kHead;
  const auto rank = static_cast<uint64_t>(options.rank < 0 ? -options.rank : options.rank);
  const uint64_t wanted = options.count < 0 ? 1 : static_cast<uint64_t>(options.count);
  const uint64_t most = options.most == 0 ? UINT64_MAX : static_cast<uint64_t>(options.most);
  std::vector<uint64_t> found;
  uint64_t matches = 0;
  list.FindEach(text, from, most, [&](uint64_t index) {
    if (++matches < rank) return true;
    found.push_back(index);
    return found.size() != wanted;
  });
  return found;
}

}  // namespace

void LLen(CommandContext& ctx, ArgReader& args) {
  const auto found = ctx.keyspace.ReadAs(args.Key(), store::Type::kList);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  const uint64_t size = found ? List(*found.entry, ctx.keyspace.store()).size() : 0;
  ctx.reply.Integer(static_cast<int64_t>(size));
}

void LRange(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t start = args.Integer();
  const int64_t stop = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto found = ctx.keyspace.ReadAs(key, store::Type::kList);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  if (!found) return ctx.reply.Array(0);
  const List list(*found.entry, ctx.keyspace.store());
  const IndexRange range = IndexRange::Of(start, stop, list.size());
  ctx.reply.Array(range.count);
  list.Walk(range.first, range.count,
            [&](const store::ListpackElement& element) { ReplyElement(ctx.reply, element); });
}

void LIndex(CommandContext& ctx, ArgReader& args) {
  const auto found = ctx.keyspace.ReadAs(args.Key(), store::Type::kList);
  if (found.other_type) return ctx.reply.Error(errors::kWrongType);
  if (!found) return ctx.reply.Null();
  const int64_t index = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  const List list(*found.entry, ctx.keyspace.store());
  const int64_t from_head = index < 0 ? index + static_cast<int64_t>(list.size()) : index;
  const auto element = from_head < 0 ? std::nullopt : list.Get(static_cast<uint64_t>(from_head));
  element ? ReplyElement(ctx.reply, *element) : ctx.reply.Null();
}

void LPos(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view text = args.Next();
  const PosOptions options = ReadPosOptions(args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const auto list = ctx.keyspace.ReadAs(key, store::Type::kList);
  if (list.other_type) return ctx.reply.Error(errors::kWrongType);
  std::vector<uint64_t> found;
  if (list) found = FindPositions(List(*list.entry, ctx.keyspace.store()), text, options);
  if (options.count >= 0) {
    ctx.reply.Array(found.size());
  } else if (found.empty()) {
    ctx.reply.Null();
  }
  for (const uint64_t index : found) ctx.reply.Integer(static_cast<int64_t>(index));
}

}  // namespace henge::commands
