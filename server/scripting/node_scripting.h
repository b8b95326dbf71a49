// SPDX-License-Identifier: Apache-2.0
// NodeScripting: what scripts need of the server; see ScriptHost.
#pragma once

#include <mutex>
#include <vector>

#include "commands/scripting/script_host.h"

namespace henge::server {

class Node;

class NodeScripting final : public commands::scripting::ScriptHost {
 public:
  explicit NodeScripting(Node& node) : node_(node) {}

  commands::scripting::ScriptCache& cache() override { return cache_; }
  commands::scripting::LibraryRegistry& libraries() override { return libraries_; }
  void FlushScripts() override;
  commands::scripting::Engine* EngineOf(commands::ClientState& client) override;
  std::string_view RunCommand(commands::scripting::ScriptRun& run,
                              std::span<const std::string_view> argv,
                              proto::ReplyWriter& reply) override;
  bool Interrupt(commands::scripting::ScriptRun& run) override;
  std::string_view Kill(bool script) override;
  std::optional<Busy> Running() override;
  std::string_view BusyText() override;
  void Finish(commands::scripting::ScriptRun& run) override;
  std::string WritesRefused() override;
  bool OutOfMemory(commands::ClientState& client) override;

 private:
  // A run that takes long. Its worker adds and removes it.
  struct Long {
    commands::scripting::ScriptRun* run;
    bool killed = false;
  };
  void Announce(commands::scripting::ScriptRun& run);

  Node& node_;
  std::mutex mu_;
  std::vector<Long> long_;  // Under mu_.
  commands::scripting::ScriptCache cache_;
  commands::scripting::LibraryRegistry libraries_;
};

}  // namespace henge::server
