// SPDX-License-Identifier: Apache-2.0
// BITOP.
#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "base/blob.h"
#include "base/strings.h"
#include "commands/bitmaps/bits.h"
#include "commands/bitmaps/handlers.h"
#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

std::optional<BitOperation> ParseOperation(std::string_view word) {
  if (EqualsIgnoreCase(word, "and")) return BitOperation::kAnd;
  if (EqualsIgnoreCase(word, "or")) return BitOperation::kOr;
  if (EqualsIgnoreCase(word, "xor")) return BitOperation::kXor;
  if (EqualsIgnoreCase(word, "not")) return BitOperation::kNot;
  return std::nullopt;
}

// The result is computed beside the sources, of which the destination may be one.
void Store(CommandContext& ctx, const store::Key& to, BitOperation operation,
           const std::vector<std::string_view>& sources, size_t size) {
  if (size <= store::kMaxInlineValue) {
    char bytes[store::kMaxInlineValue];
    CombineBits(operation, sources, bytes);
    return ctx.keyspace.ReplaceString(to, size, store::events::kSet,
                                      [&](char* fresh) { CopyBytes(fresh, {bytes, size}); });
  }
  BlobRef blob = BlobRef::Adopt(Blob::New(size, size));
  CombineBits(operation, sources, blob->data());
  ctx.keyspace.SetBlob(to, std::move(blob), kNoExpiry, store::events::kSet);
}

}  // namespace

void BitOp(CommandContext& ctx, ArgReader& args) {
  const std::optional<BitOperation> operation = ParseOperation(args.Next());
  if (!operation) return ctx.reply.Error(errors::kSyntax);
  const store::Key to = args.Key();
  if (*operation == BitOperation::kNot && args.left() != 1) {
    return ctx.reply.Error("ERR BITOP NOT must be called with a single source key.");
  }
  std::deque<StringBytes> texts;  // Holds the digits of integers.
  std::vector<std::string_view> sources;
  size_t size = 0;
  while (!args.empty()) {
    const store::Entry* entry = ctx.keyspace.Read(args.Key());
    if (entry != nullptr && IsOtherType(ctx, entry)) return;
    sources.push_back(texts.emplace_back(entry).view());
    size = std::max(size, sources.back().size());
  }
  if (size == 0) {
    ctx.keyspace.Delete(to, store::events::kDel);
  } else {
    Store(ctx, to, *operation, sources, size);
  }
  ctx.reply.Integer(static_cast<int64_t>(size));
}

}  // namespace henge::commands
