// SPDX-License-Identifier: Apache-2.0
// The arguments of XREAD and XREADGROUP, which are alike:
//
//   [GROUP group consumer] [COUNT n] [BLOCK ms] [NOACK] STREAMS key … id …
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "commands/context.h"

namespace henge::commands {

struct ReadArgs {
  std::string_view group;
  std::string_view consumer;
  uint64_t count = 0;                 // 0: all.
  std::optional<int64_t> timeout_ms;  // Of BLOCK; 0: for ever.
  bool no_ack = false;
  absl::InlinedVector<store::Key, 4> keys;
  std::span<const std::string_view> ids;  // As many as keys.
  size_t ids_at = 0;                      // Where they begin, in argv.
};
// Latches what is wrong in `args`.
ReadArgs ReadReadArgs(CommandContext& ctx, ArgReader& args, bool of_group);

}  // namespace henge::commands
