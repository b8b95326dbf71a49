// SPDX-License-Identifier: Apache-2.0
// ScriptHost: what scripts need of the server they run in; implemented in server/. All are
// thread-safe unless they say otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/scripting/library_registry.h"
#include "commands/scripting/script_cache.h"
#include "proto/reply_writer.h"

namespace henge::commands {
struct ClientState;
}

namespace henge::commands::scripting {

class Engine;
struct ScriptRun;

class ScriptHost {
 public:
  virtual ~ScriptHost() = default;
  virtual ScriptCache& cache() = 0;
  virtual LibraryRegistry& libraries() = 0;
  // Empties the cache; the workers' interpreters of scripts go with it, soon.
  virtual void FlushScripts() = 0;
  // The engine of the client's worker, on its thread. Null for what is no client.
  virtual Engine* EngineOf(ClientState& client) = 0;

  // On the worker's thread: runs a command for the script under the locks that it holds, and those
  // it needs beside them. Returns why it was refused, as an error's text, or nothing.
  virtual std::string_view RunCommand(ScriptRun& run, std::span<const std::string_view> argv,
                                      proto::ReplyWriter& reply) = 0;
  // On the worker's thread, now and then while a script runs: whether it is to be killed.
  virtual bool Interrupt(ScriptRun& run) = 0;
  // A run that Interrupt has made busy is over.
  virtual void Finish(ScriptRun& run) = 0;
  // Kills the script (or function) that runs for too long. Why not, as an error's text, or empty.
  virtual std::string_view Kill(bool script) = 0;
  // What all others are told meanwhile.
  virtual std::string_view BusyText() = 0;
  // The function or script that runs for too long, if any.
  struct Busy {
    bool script;
    std::string name;
    std::vector<std::string> command;
    int64_t ms;
  };
  virtual std::optional<Busy> Running() = 0;
  // Why writes are refused now, apart from memory: the start of the error's text for a script that
  // says it writes. Empty: they aren't.
  virtual std::string WritesRefused() = 0;
  // Whether there was too little memory when the client's call began.
  virtual bool OutOfMemory(ClientState& client) = 0;
};

}  // namespace henge::commands::scripting
