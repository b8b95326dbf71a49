// SPDX-License-Identifier: Apache-2.0
#include "server/scripting/node_scripting.h"

#include "commands/scripting/engine.h"
#include "commands/scripting/script_run.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {
namespace {

// Of the worker that serves the client.
Dispatcher& DispatcherOf(Node& node, commands::ClientState& client) {
  const int worker = Session::Of(client).connection().worker().index();
  return *node.dispatchers()[static_cast<size_t>(worker)];
}

}  // namespace

commands::scripting::Engine* NodeScripting::EngineOf(commands::ClientState& client) {
  if (client.id == 0) return nullptr;  // Effects that are applied, of no client.
  return &DispatcherOf(node_, client).script_engine();
}

std::string_view NodeScripting::RunCommand(commands::scripting::ScriptRun& run,
                                           std::span<const std::string_view> argv,
                                           proto::ReplyWriter& reply) {
  return DispatcherOf(node_, run.ctx.client).RunScripted(run, argv, reply);
}

bool NodeScripting::Interrupt(commands::scripting::ScriptRun&) { return false; }

std::string_view NodeScripting::Kill(bool) { return "NOTBUSY No scripts in execution right now."; }

std::optional<NodeScripting::Busy> NodeScripting::Running() { return std::nullopt; }

std::string NodeScripting::WritesRefused() {
  if (node_.saver().refuses_writes()) {
    return "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to "
           "persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only "
           "scripts.";
  }
  if (!node_.journaling().healthy()) {
    return "MISCONF Redis is configured to persist data to AOF, but it's currently unable to "
           "persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only "
           "scripts. AOF error: " +
           node_.journaling().error_reason();
  }
  return {};
}

bool NodeScripting::OutOfMemory(commands::ClientState& client) {
  return client.id != 0 && DispatcherOf(node_, client).out_of_memory();
}

}  // namespace henge::server
