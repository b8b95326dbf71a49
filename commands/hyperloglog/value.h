// SPDX-License-Identifier: Apache-2.0
// HyperLogLogs as the values of keys. Under the locks of the command, on its thread.
#pragma once

#include <string_view>

#include "commands/context.h"
#include "store/entry.h"

namespace henge::commands {

// Whether the entry is no HyperLogLog; replies WRONGTYPE then. REQUIRES: not null.
bool IsNoHyperLogLog(CommandContext& ctx, const store::Entry* entry);
void ReplyDamaged(CommandContext& ctx);

// Keeps the value under the key, with the deadline there is; as a raw string, like Redis.
void KeepHyperLogLog(CommandContext& ctx, const store::Key& key, std::string_view value,
                     const store::Event& event);

}  // namespace henge::commands
