// SPDX-License-Identifier: Apache-2.0
// Engine: one worker's interpreters: one for scripts, one for functions, as in Redis neither sees
// what the other keeps.
#pragma once

#include "commands/scripting/function_engine.h"
#include "commands/scripting/script_engine.h"

namespace henge::commands::scripting {

class Engine {
 public:
  explicit Engine(ScriptHost& host) : scripts(host), functions(host) {}

  ScriptEngine scripts;
  FunctionEngine functions;
};

}  // namespace henge::commands::scripting
