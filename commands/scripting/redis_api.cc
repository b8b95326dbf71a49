// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/redis_api.h"

#include <charconv>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/sha1.h"
#include "base/strings.h"
#include "base/version.h"
#include "commands/command_table.h"
#include "commands/scripting/interpreter.h"
#include "commands/scripting/reply_values.h"
#include "commands/scripting/sandbox.h"

namespace henge::commands::scripting {
namespace {

constexpr int kReplicateToFile = 1;
constexpr int kReplicateToReplicas = 2;
constexpr int kReplicateAll = kReplicateToFile | kReplicateToReplicas;

std::string_view Text(lua_State* lua, int index) {
  size_t size = 0;
  const char* text = lua_tolstring(lua, index, &size);
  return {text, size};
}

int Raise(lua_State* lua, std::string_view text) {
  PushError(lua, text);
  return lua_error(lua);
}

// Raises what is wrong with the use of a function, which the text names after its table.
int RaiseMisuse(lua_State* lua, std::string_view function_and_text) {
  const std::string_view table = CalledByServer(lua) ? "ERR server." : "ERR redis.";
  return Raise(lua, std::string(table) + std::string(function_and_text));
}

int Call(lua_State* lua) {
  return Interpreter::Of(lua).CallCommand(lua, CalledByServer(lua)) ? lua_error(lua) : 1;
}

int ProtectedCall(lua_State* lua) {
  Interpreter::Of(lua).CallCommand(lua, CalledByServer(lua));
  return 1;
}

ScriptRun& Running(lua_State* lua) {
  ScriptRun* run = Interpreter::Of(lua).running();
  if (run == nullptr) Raise(lua, "ERR No script is running");
  return *run;
}

int Sha1OfText(lua_State* lua) {
  if (lua_gettop(lua) != 1) return Raise(lua, "ERR wrong number of arguments");
  const std::string digest = Sha1Hex(Text(lua, 1));
  lua_pushlstring(lua, digest.data(), digest.size());
  return 1;
}

bool IsOneText(lua_State* lua) {
  if (lua_gettop(lua) == 1 && lua_type(lua, 1) == LUA_TSTRING) return true;
  PushError(lua, "ERR wrong number or type of arguments");
  return false;
}

// "CODE text", "-CODE text"; a single word has no code.
int ErrorReply(lua_State* lua) {
  if (!IsOneText(lua)) return 1;
  std::string_view text = lua_tostring(lua, 1);  // Up to a NUL.
  if (text.starts_with('-')) text.remove_prefix(1);
  const size_t space = text.find(' ');
  std::string_view message = space == std::string_view::npos ? text : text.substr(space + 1);
  const std::string_view code = space == std::string_view::npos ? "ERR" : text.substr(0, space);
  constexpr std::string_view kLineEnds = "\r\n";
  while (!message.empty() && kLineEnds.find(message.back()) != std::string_view::npos) {
    message.remove_suffix(1);
  }
  while (!message.empty() && kLineEnds.find(message.front()) != std::string_view::npos) {
    message.remove_prefix(1);
  }
  PushError(lua, std::string(code) + " " + std::string(message));
  return 1;
}

int StatusReply(lua_State* lua) {
  if (!IsOneText(lua)) return 1;
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

int SetRepl(lua_State* lua) {
  if (lua_gettop(lua) != 1) return RaiseMisuse(lua, "set_repl() requires one argument.");
  const auto flags = static_cast<int>(lua_tointeger(lua, 1));
  if ((flags & ~kReplicateAll) != 0) {
    return Raise(lua,
                 "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or "
                 "REPL_NONE.");
  }
  // There is one journal for files and followers.
  Running(lua).replicate = flags != 0;
  return 0;
}

int SetResp(lua_State* lua) {
  if (lua_gettop(lua) != 1) return RaiseMisuse(lua, "setresp() requires one argument.");
  const lua_Number protocol = lua_tonumber(lua, 1);
  if (protocol != 2 && protocol != 3) return Raise(lua, "ERR RESP version must be 2 or 3.");
  Running(lua).protocol = static_cast<int>(protocol);
  return 0;
}

int AclCheckCommand(lua_State* lua) {
  const auto argv = Interpreter::Of(lua).ReadCommand(lua, CalledByServer(lua));
  if (argv.empty()) return lua_error(lua);
  const auto [info, unknown_subcommand] = CommandTable::Get().Resolve(argv);
  if (info == nullptr || unknown_subcommand) {
    return Raise(lua, "ERR Invalid command passed to redis.acl_check_cmd()");
  }
  lua_pushboolean(lua, 1);
  return 1;
}

int WriteLog(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2) return RaiseMisuse(lua, "log() requires two arguments or more.");
  if (lua_isnumber(lua, 1) == 0) {
    return Raise(lua, "ERR First argument must be a number (log level).");
  }
  const auto level = lua_tointeger(lua, 1);
  if (level < 0 || level > static_cast<int>(LogLevel::kWarning)) {
    return Raise(lua, "ERR Invalid debug level.");
  }
  if (!LogEnabled(static_cast<LogLevel>(level))) return 0;
  std::string line;
  for (int i = 2; i <= count; ++i) {
    if (lua_isstring(lua, i) == 0) continue;
    if (i > 2) line += ' ';
    line += Text(lua, i);
  }
  Log(static_cast<LogLevel>(level), line, {});
  return 0;
}

int Breakpoint(lua_State* lua) {
  lua_pushboolean(lua, 0);  // Nobody is debugging.
  return 1;
}

int Nothing(lua_State*) { return 0; }

int ReplicateCommands(lua_State* lua) {
  lua_pushboolean(lua, 1);  // Always so.
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"call", Call},
    {"pcall", ProtectedCall},
    {"sha1hex", Sha1OfText},
    {"error_reply", ErrorReply},
    {"status_reply", StatusReply},
    {"set_repl", SetRepl},
    {"setresp", SetResp},
    {"acl_check_cmd", AclCheckCommand},
    {"breakpoint", Breakpoint},
    {"debug", Nothing},
    {"replicate_commands", ReplicateCommands},
};

void AddConstant(lua_State* lua, const char* name, lua_Integer value) {
  lua_pushinteger(lua, value);
  lua_setfield(lua, -2, name);
}

// 7.2.4 as 0x00070204.
int VersionNumber() {
  int number = 0;
  std::string_view rest = kRedisVersion;
  while (!rest.empty()) {
    int part = 0;
    const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), part);
    number = number << 8 | part;
    rest.remove_prefix(static_cast<size_t>(end.ptr - rest.data()));
    if (!rest.empty()) rest.remove_prefix(1);
  }
  return number;
}

}  // namespace

bool CalledByServer(lua_State* lua) { return lua_toboolean(lua, lua_upvalueindex(1)) != 0; }

void AddFunction(lua_State* lua, const char* name, lua_CFunction function, bool server) {
  lua_pushboolean(lua, server ? 1 : 0);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

void AddLogAndVersion(lua_State* lua, bool server) {
  AddFunction(lua, "log", WriteLog, server);
  AddConstant(lua, "LOG_DEBUG", static_cast<int>(LogLevel::kDebug));
  AddConstant(lua, "LOG_VERBOSE", static_cast<int>(LogLevel::kVerbose));
  AddConstant(lua, "LOG_NOTICE", static_cast<int>(LogLevel::kNotice));
  AddConstant(lua, "LOG_WARNING", static_cast<int>(LogLevel::kWarning));
  AddConstant(lua, "REDIS_VERSION_NUM", VersionNumber());
  lua_pushlstring(lua, kRedisVersion.data(), kRedisVersion.size());
  lua_setfield(lua, -2, "REDIS_VERSION");
}

void AddRedisApi(lua_State* lua) {
  for (const bool server : {false, true}) {
    lua_newtable(lua);
    for (const luaL_Reg& function : kFunctions) {
      AddFunction(lua, function.name, function.func, server);
    }
    AddLogAndVersion(lua, server);
    AddConstant(lua, "REPL_NONE", 0);
    AddConstant(lua, "REPL_AOF", kReplicateToFile);
    AddConstant(lua, "REPL_SLAVE", kReplicateToReplicas);
    AddConstant(lua, "REPL_REPLICA", kReplicateToReplicas);
    AddConstant(lua, "REPL_ALL", kReplicateAll);
    AddReadOnlyGlobal(lua, server ? "server" : "redis");
  }
}

}  // namespace henge::commands::scripting
