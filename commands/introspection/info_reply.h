// SPDX-License-Identifier: Apache-2.0
// One command as COMMAND INFO shows it. Pure functions over the table; any thread.
#pragma once

#include <span>
#include <string_view>

#include "commands/command_table.h"
#include "proto/reply_writer.h"

namespace henge::commands {

// Name, arity, flags, legacy key range, ACL categories, tips, key specs, subcommands.
void ReplyCommandInfo(proto::ReplyWriter& reply, const CommandInfo& info);
// How calls use a key: a set of names like "RW" and "access".
void ReplyKeyFlags(proto::ReplyWriter& reply, uint16_t flags);
// A set of names, as flags are shown.
void ReplyNames(proto::ReplyWriter& reply, std::span<const std::string_view> names,
                std::string_view prefix = {});

// The rows right behind a container's in the table; none if it is no container.
std::span<const CommandInfo> SubcommandsOf(const CommandInfo& container);

}  // namespace henge::commands
