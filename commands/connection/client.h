// SPDX-License-Identifier: Apache-2.0
// Handlers of CLIENT. Those that concern other connections go through ClientsService.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

// --- The connection itself (client.cc) ----------------------------------------------------------
void ClientIdOf(CommandContext& ctx, ArgReader& args);
void ClientInfo(CommandContext& ctx, ArgReader& args);
void ClientGetName(CommandContext& ctx, ArgReader& args);
void ClientSetName(CommandContext& ctx, ArgReader& args);
void ClientSetInfo(CommandContext& ctx, ArgReader& args);
void ClientReply(CommandContext& ctx, ArgReader& args);
void ClientNoEvict(CommandContext& ctx, ArgReader& args);
void ClientNoTouch(CommandContext& ctx, ArgReader& args);
void ClientHelp(CommandContext& ctx, ArgReader& args);

// --- All connections (client_control.cc) --------------------------------------------------------
void ClientList(CommandContext& ctx, ArgReader& args);
void ClientKill(CommandContext& ctx, ArgReader& args);
void ClientUnblock(CommandContext& ctx, ArgReader& args);
void ClientPause(CommandContext& ctx, ArgReader& args);
void ClientUnpause(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
