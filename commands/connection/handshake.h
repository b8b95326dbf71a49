// SPDX-License-Identifier: Apache-2.0
// Handlers that set up or take back a connection: AUTH, HELLO, RESET.
#pragma once

#include <string_view>

namespace henge::commands {

struct ClientState;
struct CommandContext;
class ArgReader;

void Auth(CommandContext& ctx, ArgReader& args);
void Hello(CommandContext& ctx, ArgReader& args);
void Reset(CommandContext& ctx, ArgReader& args);

// Sets the connection's name (empty: none). The error's text, or empty.
std::string_view SetClientName(ClientState& client, std::string_view name);

}  // namespace henge::commands
