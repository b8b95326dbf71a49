// SPDX-License-Identifier: Apache-2.0
// FunctionEngine: runs functions on one worker, on its thread. It loads a library for itself when
// one of its functions is first called.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "commands/scripting/interpreter.h"
#include "commands/scripting/library_registry.h"

namespace henge::commands::scripting {

class FunctionEngine final : public Interpreter {
 public:
  using Interpreter::Interpreter;

  // What a library registers: its code is run, in an interpreter made for that. The status's
  // message is the error's text. `limited`: it must be done soon.
  static absl::StatusOr<LibraryRef> Examine(ScriptHost& host, std::string_view code, bool limited);

  // A function that is ready to be called, of a library that stays so long.
  struct Callable {
    LibraryRef library;
    const Function* function;
    int reference;
    bool proven;  // It touches only its keys.
  };
  // Whether it is known that this function touches only its keys. If so, it is what Find gives
  // next, until Forget.
  bool Foresee(std::string_view name);
  void Forget() { foreseen_ = nullptr; }
  // Null where there is none, which is written to `reply`. Valid until the next call.
  const Callable* Find(std::string_view name, proto::ReplyWriter& reply);
  void Run(ScriptRun& run, const Callable& callable, const Arguments& arguments) {
    Execute(run, callable.reference, arguments, false);
  }

  // --- What libraries call --------------------------------------------------------------------
  // redis.register_function; raises what is wrong with its arguments.
  int Register(lua_State* lua);

 private:
  struct Registered {
    Function function;
    int reference;
  };
  void Renew();
  // Runs a library's code and gathers what it registers. The status's message is the error's text.
  absl::StatusOr<std::vector<Registered>> Load(std::string_view code, bool limited);
  bool IsProven(int reference);
  Registered ReadPositional(lua_State* lua);
  Registered ReadNamed(lua_State* lua);

  uint64_t version_ = 0;
  StringMap<LibraryRef> loaded_;  // By the library's name.
  StringMap<Callable> callables_;
  const Callable* foreseen_ = nullptr;
  std::vector<Registered>* loading_ = nullptr;
};

}  // namespace henge::commands::scripting
