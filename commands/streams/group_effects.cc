// SPDX-License-Identifier: Apache-2.0
#include "commands/streams/group_effects.h"

#include <string>

namespace henge::commands {

using store::StreamIdText;

void TellPending(CommandContext& ctx, std::string_view key, const store::ConsumerGroup& group,
                 const store::Pending& pending) {
  if (!ctx.effects.wanted()) return ctx.effects.Nothing();
  ctx.effects.Instead({"XCLAIM", key, group.name, pending.consumer->name, "0",
                       StreamIdText(pending.id).view(), "TIME",
                       std::to_string(pending.delivery_time), "RETRYCOUNT",
                       std::to_string(pending.delivery_count), "FORCE", "JUSTID", "LASTID",
                       StreamIdText(group.last_id).view()});
}

void TellLastId(CommandContext& ctx, std::string_view key, const store::ConsumerGroup& group) {
  if (!ctx.effects.wanted()) return ctx.effects.Nothing();
  ctx.effects.Instead({"XGROUP", "SETID", key, group.name, StreamIdText(group.last_id).view(),
                       "ENTRIESREAD", std::to_string(group.entries_read)});
}

void TellConsumer(CommandContext& ctx, std::string_view key, const store::ConsumerGroup& group,
                  std::string_view consumer) {
  ctx.effects.Instead({"XGROUP", "CREATECONSUMER", key, group.name, consumer});
}

}  // namespace henge::commands
