// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/interpreter.h"

#include <absl/cleanup/cleanup.h>
#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/numbers.h"
#include "commands/scripting/reply_values.h"
#include "commands/scripting/sandbox.h"

namespace henge::commands::scripting {
namespace {

// So many instructions are run between two looks at the clock.
constexpr int kInstructions = 100'000;

// Pushes a list of strings.
void PushList(lua_State* lua, std::span<const std::string_view> strings) {
  lua_createtable(lua, static_cast<int>(strings.size()), 0);
  for (size_t i = 0; i < strings.size(); ++i) {
    lua_pushlstring(lua, strings[i].data(), strings[i].size());
    lua_rawseti(lua, -2, static_cast<int>(i) + 1);
  }
}

// What a reply buffer holds, in one piece; `copy` keeps it where it is in several.
std::string_view Linear(const proto::ReplyBuffer& buffer, std::string& copy) {
  constexpr int kMax = 64;
  iovec pieces[kMax];
  const int count = buffer.Vectors(pieces, kMax);
  if (count == 1 && pieces[0].iov_len == buffer.pending()) {
    return {static_cast<const char*>(pieces[0].iov_base), pieces[0].iov_len};
  }
  proto::ReplyBuffer rest;
  rest.Append(buffer);
  copy.reserve(rest.pending());
  while (!rest.empty()) {
    size_t sent = 0;
    const int more = rest.Vectors(pieces, kMax);
    for (int i = 0; i < more; ++i) {
      copy.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      sent += pieces[i].iov_len;
    }
    rest.Sent(sent);
  }
  return copy;
}

}  // namespace

struct Interpreter::Call {
  Interpreter& interpreter;
  ScriptRun& run;
  int function;
  const Arguments& arguments;
  bool globals;
};

void Interpreter::Renew(void (*api)(lua_State* lua)) {
  vm_.reset();
  vm_ = std::make_unique<Vm>(this, bytes_);
  vm_->Protected([&](lua_State* lua) {
    BuildGlobals(lua);
    api(lua);
    SealGlobals(lua);
    PushGlobals(lua);
    globals_ = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pushcfunction(lua, HandleError);
    error_handler_ = luaL_ref(lua, LUA_REGISTRYINDEX);
    lua_pushcfunction(lua, RunBody);
    run_body_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  });
  lua_sethook(vm_->lua(), OnCount, LUA_MASKCOUNT, kInstructions);
}

void Interpreter::OnCount(lua_State* lua, lua_Debug*) {
  Interpreter& self = Of(lua);
  std::string_view why;
  if (self.load_deadline_us_ != 0) {
    if (SystemClock().MonotonicMicros() > self.load_deadline_us_) why = "ERR FUNCTION LOAD timeout";
  } else if (self.running_ != nullptr && !self.in_command_ &&
             self.host_.Interrupt(*self.running_)) {
    why = "ERR Script killed by user with SCRIPT KILL...";
  }
  if (why.empty()) return;
  // From here on at every line, so that no pcall catches it for long.
  lua_sethook(lua, OnCount, LUA_MASKLINE | LUA_MASKCOUNT, 1);
  PushError(lua, why);
  lua_error(lua);
}

// --- Running ---

void Interpreter::Execute(ScriptRun& run, int function, const Arguments& arguments, bool globals) {
  if (running_ != nullptr) return run.ctx.reply.Error("ERR A script is running already");
  running_ = &run;
  // What the script selects is its own.
  const DbIndex db = run.ctx.client.db.load(std::memory_order_relaxed);
  const auto mark = run.ctx.reply.buffer().GetMark();
  lua_State* lua = vm_->lua();
  Call call{*this, run, function, arguments, globals};
  lua_rawgeti(lua, LUA_REGISTRYINDEX, run_body_);
  lua_pushlightuserdata(lua, &call);
  if (lua_pcall(lua, 1, 0, 0) != 0) {
    // Not the script, but what goes before and after it: memory is short.
    run.ctx.reply.buffer().TruncateTo(mark);
    ReplyRaised(lua, run);
    lua_settop(lua, 0);
  }
  running_ = nullptr;
  run.ctx.client.db.store(db, std::memory_order_relaxed);
  if (run.busy) host_.Finish(run);
  lua_sethook(lua, OnCount, LUA_MASKCOUNT, kInstructions);
}

int Interpreter::RunBody(lua_State* lua) {
  Call& call = *static_cast<Call*>(lua_touserdata(lua, 1));
  lua_settop(lua, 0);
  call.interpreter.RunProtected(call);
  return 0;
}

void Interpreter::RunProtected(Call& call) {
  lua_State* lua = vm_->lua();
  lua_rawgeti(lua, LUA_REGISTRYINDEX, error_handler_);
  int arguments = 0;
  if (call.globals) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, globals_);
    PushList(lua, call.arguments.keys);
    lua_setfield(lua, -2, "KEYS");
    PushList(lua, call.arguments.values);
    lua_setfield(lua, -2, "ARGV");
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call.function);
  } else {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, call.function);
    PushList(lua, call.arguments.keys);
    PushList(lua, call.arguments.values);
    arguments = 2;
  }
  if (lua_pcall(lua, arguments, 1, 1) != 0) return ReplyRaised(lua, call.run);
  WriteReply(lua, call.run.protocol, call.run.ctx.reply);
}

void Interpreter::ReplyRaised(lua_State* lua, ScriptRun& run) {
  proto::ReplyWriter& reply = run.ctx.reply;
  if (!lua_istable(lua, -1)) {
    const char* text = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : nullptr;
    return reply.Error(fmt::format("ERR Error running script {}, {:.100}", run.name,
                                   text == nullptr ? "execution failure" : text));
  }
  const ErrorInfo error = ReadError(lua, -1);
  std::string text(error.text);
  if (!error.source.empty()) {
    text += fmt::format(" script: {}, on {}:{}.", run.name, error.source, error.line);
  }
  error.counted ? reply.RelayError(text) : reply.Error(text);
}

// --- Commands ---

std::span<const std::string_view> Interpreter::ReadCommand(lua_State* lua, bool by_server) {
  const int count = lua_gettop(lua);
  argv_.clear();
  if (count == 0) {
    PushError(lua, by_server ? "ERR Please specify at least one argument for this call"
                             : "ERR Please specify at least one argument for this redis lib call");
    return {};
  }
  size_t numbers = 0;
  for (int i = 1; i <= count; ++i) numbers += lua_type(lua, i) == LUA_TNUMBER ? 1 : 0;
  if (numbers_.size() < numbers * kDoubleChars) numbers_.resize(numbers * kDoubleChars);
  char* text = numbers_.data();
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(lua, i);
    if (type == LUA_TNUMBER) {
      // Lua's own conversion would round.
      const size_t size = FormatDouble(lua_tonumber(lua, i), text);
      argv_.emplace_back(text, size);
      text += size;
    } else if (type == LUA_TSTRING) {
      size_t size = 0;
      const char* bytes = lua_tolstring(lua, i, &size);
      argv_.emplace_back(bytes, size);
    } else {
      argv_.clear();
      lua_settop(lua, 0);
      PushError(lua, by_server ? "ERR Command arguments must be strings or integers"
                               : "ERR Lua redis lib command arguments must be strings or integers");
      return {};
    }
  }
  return argv_;
}

bool Interpreter::CallCommand(lua_State* lua, bool by_server) {
  const std::span<const std::string_view> argv = ReadCommand(lua, by_server);
  if (argv.empty()) return true;
  if (in_command_ || running_ == nullptr) {
    PushError(lua, "ERR redis.call can only be used by a running script, one call at a time");
    return true;
  }
  in_command_ = true;
  running_->by_server = by_server;
  const absl::Cleanup leave = [this] {
    in_command_ = false;
    command_reply_.Clear();
  };
  proto::ReplyWriter reply(command_reply_, running_->protocol);
  const std::string_view refusal = host_.RunCommand(*running_, argv, reply);
  lua_settop(lua, 0);
  if (!refusal.empty()) {
    PushError(lua, refusal, true);
    return true;
  }
  std::string copy;
  const std::string_view bytes = Linear(command_reply_, copy);
  PushReply(lua, bytes);
  return bytes.starts_with('-');
}

}  // namespace henge::commands::scripting
