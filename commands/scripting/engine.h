// SPDX-License-Identifier: Apache-2.0
// Engine: one worker's interpreters: one for scripts, one for functions, as in Redis neither sees
// what the other keeps.
#pragma once

#include "commands/scripting/function_engine.h"
#include "commands/scripting/handlers.h"
#include "commands/scripting/script_engine.h"

namespace henge::commands::scripting {

class Engine {
 public:
  explicit Engine(ScriptHost& host) : scripts(host), functions(host) {}

  // Whether this call of EVAL, FCALL or one of their forms is known to touch only its keys. Its
  // handler then runs what has been looked at, until Forget.
  bool Foresee(const CommandSpec& spec, std::string_view what) {
    if (spec.handler == FunctionCall) return functions.Foresee(what);
    return scripts.Foresee(what, spec.handler == EvalSha);
  }
  void Forget() {
    scripts.Forget();
    functions.Forget();
  }

  ScriptEngine scripts;
  FunctionEngine functions;
};

}  // namespace henge::commands::scripting
