// SPDX-License-Identifier: Apache-2.0
#include "commands/hyperloglog/value.h"

#include <cstring>

#include "commands/hyperloglog/layout.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {

bool IsNoHyperLogLog(CommandContext& ctx, const store::Entry* entry) {
  if (IsOtherType(ctx, entry)) return true;
  if (!entry->is_integer() && hll::FormOf(entry->bytes())) return false;
  ctx.reply.Error(errors::kNotHyperLogLog);
  return true;
}

void ReplyDamaged(CommandContext& ctx) { ctx.reply.Error(errors::kDamagedHyperLogLog); }

void KeepHyperLogLog(CommandContext& ctx, const store::Key& key, std::string_view value,
                     const store::Event& event) {
  if (value.size() > store::kMaxInlineValue) {
    // What has turned dense grows no more: a blob of its very size.
    return ctx.keyspace.SetStringKeepExpiry(key, value, event, false);
  }
  ctx.keyspace.EditString(key, value.size(), event, [&](char* bytes) {
    std::memcpy(bytes, value.data(), value.size());
    return true;
  });
}

}  // namespace henge::commands
