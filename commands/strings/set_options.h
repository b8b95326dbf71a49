// SPDX-License-Identifier: Apache-2.0
// The options of SET and GETEX: conditions, GET, and one deadline at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/types.h"
#include "commands/context.h"
#include "commands/expiry_args.h"

namespace henge::commands {

enum SetOption : uint8_t {
  kOptionNx = 1,
  kOptionXx = 2,
  kOptionGet = 4,
  kOptionKeepTtl = 8,
  kOptionPersist = 16,
  kOptionIfEq = 32,
};

struct SetOptions {
  uint8_t given = 0;  // SetOption bits.
  // Of the deadline, if there is one; its number is not looked at yet.
  std::optional<TimeUnit> unit;
  std::string_view number;
  std::string_view comparison;  // Of IFEQ.

  bool Has(SetOption option) const { return (given & option) != 0; }
};

// Reads all that is left. `allowed`: which options besides deadlines the command has.
SetOptions ReadSetOptions(ArgReader& args, uint8_t allowed);

// The deadline they name, kNoExpiry if they name none. Replies with an error, and returns nothing,
// when the number is none or out of range.
std::optional<UnixMillis> DeadlineOrReply(CommandContext& ctx, const SetOptions& options);

}  // namespace henge::commands
