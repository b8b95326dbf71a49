// SPDX-License-Identifier: Apache-2.0
// Which arguments are too long to be kept. Names of keys, and what goes into collections, have
// lengths of 32 bits in the store; strings' values don't. Asked by the gate, before any handler,
// and only where proto-max-bulk-len lets such arguments in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "commands/command_spec.h"
#include "store/key.h"

namespace henge::commands {

inline constexpr size_t kLongestElement = UINT32_MAX - 1;

// Reads sizes only. `keys` are those of the call.
bool HasOverlongArgument(const CommandSpec& spec, std::span<const std::string_view> argv,
                         std::span<const store::Key> keys);

}  // namespace henge::commands
