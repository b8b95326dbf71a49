// SPDX-License-Identifier: Apache-2.0
// The options of SET and GETEX: conditions, GET, and one deadline at most.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/types.h"
#include "commands/arg_reader.h"

namespace henge::commands {

enum SetOption : uint8_t {
  kOptionNx = 1,
  kOptionXx = 2,
  kOptionGet = 4,
  kOptionKeepTtl = 8,
  kOptionPersist = 16,
};

struct SetOptions {
  uint8_t given = 0;              // SetOption bits.
  UnixMillis expiry = kNoExpiry;  // Absolute.
  std::string deadline_error;     // What is wrong with the deadline's number.

  bool Has(SetOption option) const { return (given & option) != 0; }
};

// Reads all that is left. `allowed`: which options besides deadlines the command has. As in Redis
// every option is looked at before the deadline's number is, whose error is left to the caller:
// GETEX looks for the key first. `command` names it in errors.
SetOptions ReadSetOptions(ArgReader& args, uint8_t allowed, UnixMillis now,
                          std::string_view command);

}  // namespace henge::commands
