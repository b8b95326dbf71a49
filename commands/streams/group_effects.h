// SPDX-License-Identifier: Apache-2.0
// What the journal says of deliveries: as Redis, one XCLAIM for each entry, and XGROUP where an
// XCLAIM can't say it. Nothing is put together when nobody listens.
#pragma once

#include <string_view>

#include "commands/context.h"
#include "store/stream/consumer_group.h"

namespace henge::commands {

// XCLAIM … FORCE JUSTID LASTID …: that the entry is pending as it is now.
void TellPending(CommandContext& ctx, std::string_view key, const store::ConsumerGroup& group,
                 const store::Pending& pending);
// XGROUP SETID … ENTRIESREAD …
void TellLastId(CommandContext& ctx, std::string_view key, const store::ConsumerGroup& group);
// XGROUP CREATECONSUMER …
void TellConsumer(CommandContext& ctx, std::string_view key, const store::ConsumerGroup& group,
                  std::string_view consumer);

}  // namespace henge::commands
