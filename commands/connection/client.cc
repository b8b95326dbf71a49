// SPDX-License-Identifier: Apache-2.0
#include "commands/connection/client.h"

#include <array>
#include <string>

#include "base/strings.h"
#include "commands/connection/client_line.h"
#include "commands/connection/handshake.h"
#include "commands/context.h"
#include "commands/help.h"

namespace henge::commands {
namespace {

// Reads ON or OFF into `flag`.
void Switch(CommandContext& ctx, ArgReader& args, std::atomic<bool>& flag) {
  const bool on = args.Accept("ON");
  if (!on && !args.Accept("OFF")) return ctx.reply.Error(errors::kSyntax);
  flag.store(on, std::memory_order_relaxed);
  ctx.reply.Ok();
}

}  // namespace

void ClientIdOf(CommandContext& ctx, ArgReader&) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.client.id));
}

void ClientInfo(CommandContext& ctx, ArgReader&) {
  std::string line;
  AppendClientLine(ctx.client, ctx, line);
  ctx.reply.Verbatim("txt", line);
}

void ClientGetName(CommandContext& ctx, ArgReader&) {
  // Only this thread writes the name.
  ctx.client.name.empty() ? ctx.reply.Null() : ctx.reply.Bulk(ctx.client.name);
}

void ClientSetName(CommandContext& ctx, ArgReader& args) {
  const std::string_view error = SetClientName(ctx.client, args.Next());
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

void ClientSetInfo(CommandContext& ctx, ArgReader& args) {
  const std::string_view attribute = args.Next();
  const std::string_view value = args.Next();
  const bool name = EqualsIgnoreCase(attribute, "lib-name");
  if (!name && !EqualsIgnoreCase(attribute, "lib-ver")) {
    return ctx.reply.Error("ERR Unrecognized option '" + std::string(attribute) + "'");
  }
  if (!FitsClientLine(value)) {
    return ctx.reply.Error("ERR " + std::string(attribute) +
                           " cannot contain spaces, newlines or special characters.");
  }
  {
    const std::lock_guard lock(ctx.client.mu);
    (name ? ctx.client.library_name : ctx.client.library_version) = value;
  }
  ctx.reply.Ok();
}

void ClientReply(CommandContext& ctx, ArgReader& args) {
  ReplyMode& mode = ctx.client.reply_mode;
  if (args.Accept("ON")) {
    mode = ReplyMode::kOn;
    ctx.reply.Ok();
  } else if (args.Accept("OFF")) {
    mode = ReplyMode::kOff;
  } else if (args.Accept("SKIP")) {
    if (mode != ReplyMode::kOff) mode = ReplyMode::kSkipNext;
  } else {
    ctx.reply.Error(errors::kSyntax);
  }
}

void ClientNoEvict(CommandContext& ctx, ArgReader& args) { Switch(ctx, args, ctx.client.no_evict); }

void ClientNoTouch(CommandContext& ctx, ArgReader& args) { Switch(ctx, args, ctx.client.no_touch); }

void ClientHelp(CommandContext& ctx, ArgReader&) {
  static constexpr auto kLines = std::to_array<std::string_view>({
      "CACHING (YES|NO)",
      "    Track what the next command reads, or do not, in the modes OPTIN and OPTOUT.",
      "GETNAME",
      "    Tell this connection's name.",
      "GETREDIR",
      "    Tell to which connection invalidations go, 0 for this one; -1 without tracking.",
      "ID",
      "    Tell this connection's ID.",
      "INFO",
      "    Show this connection as LIST would.",
      "KILL <ip:port>",
      "    Close the connection from that address.",
      "KILL <option> <value> [<option> <value> [...]]",
      "    Close the connections that meet every option:",
      "    * ID <client-id>",
      "      The connection of that ID.",
      "    * ADDR (<ip:port>|<unixsocket>:0)",
      "      Connections from that address.",
      "    * LADDR (<ip:port>|<unixsocket>:0)",
      "      Connections to that address of the server.",
      "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
      "      Connections of that type.",
      "    * USER <username>",
      "      Connections authenticated as that user.",
      "    * MAXAGE <seconds>",
      "      Connections at least that old.",
      "    * SKIPME (YES|NO)",
      "      Whether to spare this connection (default: yes).",
      "LIST [options ...]",
      "    Show the connections, a line each. Options:",
      "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
      "      Only those of that type.",
      "    * ID <client-id> [<client-id> [...]]",
      "      Only those of these IDs.",
      "NO-EVICT (ON|OFF)",
      "    Whether this connection is spared when clients are evicted.",
      "NO-TOUCH (ON|OFF)",
      "    Whether this connection's reads leave keys' LRU/LFU state alone.",
      "PAUSE <timeout> [WRITE|ALL]",
      "    Hold all commands, or only writes, back for <timeout> milliseconds.",
      "REPLY (ON|OFF|SKIP)",
      "    Whether commands of this connection are replied to.",
      "SETINFO (LIB-NAME|LIB-VER) <value>",
      "    Tell the name or the version of the client library.",
      "SETNAME <name>",
      "    Name this connection.",
      "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
      "         [OPTIN] [OPTOUT] [NOLOOP]",
      "    Whether this connection is told when keys change that it has read.",
      "TRACKINGINFO",
      "    Show how this connection tracks what it reads.",
      "UNBLOCK <clientid> [TIMEOUT|ERROR]",
      "    End a blocking command of another connection.",
      "UNPAUSE",
      "    End a pause.",
  });
  ReplyHelp(ctx, "client", kLines);
}

}  // namespace henge::commands
