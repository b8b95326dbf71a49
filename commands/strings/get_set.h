// SPDX-License-Identifier: Apache-2.0
// Handlers for whole values of one key: GET and SET with their relatives.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "commands/command_spec.h"

namespace henge::commands {

struct CommandContext;
class ArgReader;

void Get(CommandContext& ctx, ArgReader& args);
void DelIfEq(CommandContext& ctx, ArgReader& args);
void GetDel(CommandContext& ctx, ArgReader& args);
void GetEx(CommandContext& ctx, ArgReader& args);
void GetSet(CommandContext& ctx, ArgReader& args);
void Set(CommandContext& ctx, ArgReader& args);
void SetEx(CommandContext& ctx, ArgReader& args);
void PSetEx(CommandContext& ctx, ArgReader& args);
void SetNx(CommandContext& ctx, ArgReader& args);
void StrLen(CommandContext& ctx, ArgReader& args);

// SET reads its key only when it is told GET.
void RefineSetKey(std::span<const std::string_view> argv, std::vector<KeyPosition>& found);

}  // namespace henge::commands
