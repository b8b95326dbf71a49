// SPDX-License-Identifier: Apache-2.0
#include "commands/strings/ranges.h"

#include <algorithm>
#include <cstdint>

#include "base/strings.h"
#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

// Whether a string of `size` and `more` bytes is longer than any may be; replies then.
bool IsTooLong(CommandContext& ctx, uint64_t size, uint64_t more) {
  const auto limit = static_cast<uint64_t>(
      ctx.services.settings().proto_max_bulk_len.load(std::memory_order_relaxed));
  if (more <= limit && size <= limit - more) return false;
  ctx.reply.Error(errors::kStringTooLong);
  return true;
}

}  // namespace

void Append(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const std::string_view more = args.Next();
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry == nullptr) {
    ctx.keyspace.SetString(key, more, kNoExpiry, store::events::kAppend);
    return ctx.reply.Integer(static_cast<int64_t>(more.size()));
  }
  if (IsOtherType(ctx, entry)) return;
  const size_t size = entry->StringSize();
  if (IsTooLong(ctx, size, more.size())) return;
  ctx.keyspace.EditString(key, size + more.size(), store::events::kAppend, [&](char* bytes) {
    CopyBytes(bytes + size, more);
    return true;
  });
  ctx.reply.Integer(static_cast<int64_t>(size + more.size()));
}

void GetRange(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  int64_t first = args.Integer();
  int64_t last = args.Integer();
  if (!args.Done()) return ctx.reply.Error(args.error());
  const store::Entry* entry = ctx.keyspace.Read(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  const StringBytes text(entry);
  const auto size = static_cast<int64_t>(text.view().size());
  if (first < 0 && last < 0 && first > last) return ctx.reply.Bulk("");
  if (first < 0) first = std::max<int64_t>(0, first + size);
  if (last < 0) last = std::max<int64_t>(0, last + size);
  last = std::min(last, size - 1);
  if (first > last) return ctx.reply.Bulk("");
  ctx.reply.Bulk(
      text.view().substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1)));
}

void SetRange(CommandContext& ctx, ArgReader& args) {
  const store::Key key = args.Key();
  const int64_t offset = args.Integer();
  const std::string_view value = args.Next();
  if (!args.Done()) return ctx.reply.Error(args.error());
  if (offset < 0) return ctx.reply.Error(errors::kOffsetOutOfRange);
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  const size_t size = entry == nullptr ? 0 : entry->StringSize();
  if (value.empty()) return ctx.reply.Integer(static_cast<int64_t>(size));
  const auto begin = static_cast<size_t>(offset);
  if (IsTooLong(ctx, begin, value.size())) return;
  const size_t new_size = std::max(size, begin + value.size());
  ctx.keyspace.EditString(key, new_size, store::events::kSetRange, [&](char* bytes) {
    CopyBytes(bytes + begin, value);
    return true;
  });
  ctx.reply.Integer(static_cast<int64_t>(new_size));
}

}  // namespace henge::commands
