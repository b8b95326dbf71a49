// SPDX-License-Identifier: Apache-2.0
// The bitmap room's handlers; commands.cc has their rows.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "commands/command_spec.h"

namespace henge::commands {

// single_bit.cc
void GetBit(CommandContext& ctx, ArgReader& args);
void SetBit(CommandContext& ctx, ArgReader& args);
// ranges.cc
void BitCount(CommandContext& ctx, ArgReader& args);
void BitPos(CommandContext& ctx, ArgReader& args);
// combine.cc
void BitOp(CommandContext& ctx, ArgReader& args);
// fields.cc
void BitField(CommandContext& ctx, ArgReader& args);
void BitFieldRo(CommandContext& ctx, ArgReader& args);
// BITFIELD that only gets, only reads.
void RefineBitFieldKey(std::span<const std::string_view> argv, std::vector<KeyPosition>& found);

}  // namespace henge::commands
