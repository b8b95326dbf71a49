// SPDX-License-Identifier: Apache-2.0
// Interpreter: what running scripts and running functions have in common, on one worker's thread:
// an interpreter of Lua, the run that is under way, and its way to commands.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/scripting/script_host.h"
#include "commands/scripting/script_run.h"
#include "commands/scripting/vm.h"
#include "proto/reply_buffer.h"
#include "proto/reply_writer.h"

namespace henge::commands::scripting {

class Interpreter {
 public:
  explicit Interpreter(ScriptHost& host) : host_(host) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  struct Arguments {
    std::span<const std::string_view> keys;
    std::span<const std::string_view> values;
  };

  // Any thread: its memory.
  size_t bytes() const { return bytes_.get(); }

  // --- What scripts call ----------------------------------------------------------------------
  static Interpreter& Of(lua_State* lua) { return *static_cast<Interpreter*>(Vm::Owner(lua)); }
  // The run under way, or null.
  ScriptRun* running() { return running_; }
  // Runs a command: its arguments are what stands on the stack. Pushes the reply, or an error.
  // Returns whether it is an error. `by_server`: by the name `server`, not `redis`.
  bool CallCommand(lua_State* lua, bool by_server);
  // The arguments on the stack as a command's; none where one is neither text nor number, or there
  // are none: an error is pushed then. Valid until the next call.
  std::span<const std::string_view> ReadCommand(lua_State* lua, bool by_server);

 protected:
  ~Interpreter() = default;
  ScriptHost& host() { return host_; }
  Vm& vm() { return *vm_; }
  bool fresh() const { return vm_ == nullptr; }
  // A new one, with globals that `api` adds to; nothing is compiled.
  void Renew(void (*api)(lua_State* lua));
  // REQUIRES: nothing runs. Afterwards it is fresh.
  void Drop() { vm_.reset(); }
  // Runs a function of the registry and writes the reply. Its arguments are globals, or the
  // function's own.
  void Execute(ScriptRun& run, int function, const Arguments& arguments, bool globals);
  // What is loaded until then must be done by this time; 0: nothing is being loaded.
  void set_load_deadline(int64_t monotonic_us) { load_deadline_us_ = monotonic_us; }

 private:
  struct Call;
  static int RunBody(lua_State* lua);
  static void OnCount(lua_State* lua, lua_Debug* event);
  void RunProtected(Call& call);
  void ReplyRaised(lua_State* lua, ScriptRun& run);

  ScriptHost& host_;
  Counter bytes_;
  std::unique_ptr<Vm> vm_;
  int run_body_ = 0;  // References in the registry.
  int error_handler_ = 0;
  int globals_ = 0;

  ScriptRun* running_ = nullptr;
  int64_t load_deadline_us_ = 0;
  bool in_command_ = false;
  proto::ReplyBuffer command_reply_;
  std::vector<std::string_view> argv_;
  std::vector<char> numbers_;  // Texts of the arguments that are numbers.
};

}  // namespace henge::commands::scripting
