// SPDX-License-Identifier: Apache-2.0
#include "server/scripting/node_scripting.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "commands/errors.h"
#include "commands/scripting/engine.h"
#include "commands/scripting/script_run.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/persistence/effect_applier.h"
#include "server/session.h"

namespace henge::server {
namespace {

using commands::scripting::ScriptRun;

constexpr std::string_view kBusyScript =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
constexpr std::string_view kBusyFunction =
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

int64_t MillisOf(const ScriptRun& run) {
  return static_cast<int64_t>(TicksToMicros(Ticks() - run.began) / 1000);
}

// Of the worker that serves the client.
Dispatcher& DispatcherOf(Node& node, commands::ClientState& client) {
  const int worker = Session::Of(client).connection().worker().index();
  return *node.dispatchers()[static_cast<size_t>(worker)];
}

}  // namespace

void NodeScripting::FlushScripts() {
  cache_.Flush();
  for (size_t i = 0; i < node_.workers().size(); ++i) {
    node_.workers()[i]->Post(
        [this, i] { node_.dispatchers()[i]->script_engine().scripts.DropIfFlushed(); });
  }
}

commands::scripting::Engine* NodeScripting::EngineOf(commands::ClientState& client) {
  if (client.id == 0) {  // Effects that are applied, of no client.
    EffectApplier* applier = EffectApplier::Running();
    return applier == nullptr ? nullptr : &applier->script_engine();
  }
  return &DispatcherOf(node_, client).script_engine();
}

std::string_view NodeScripting::RunCommand(ScriptRun& run, std::span<const std::string_view> argv,
                                           proto::ReplyWriter& reply) {
  if (run.ctx.client.id == 0) return EffectApplier::Running()->RunScripted(run, argv, reply);
  return DispatcherOf(node_, run.ctx.client).RunScripted(run, argv, reply);
}

bool NodeScripting::Interrupt(ScriptRun& run) {
  if (run.ctx.client.id == 0) return false;  // It has been run before.
  const net::Worker& worker = Session::Of(run.ctx.client).connection().worker();
  if (!run.busy) {
    const int64_t limit_ms = node_.parameters().busy_reply_threshold.load();
    if (limit_ms <= 0 || MillisOf(run) < limit_ms) return worker.stopping();
    Announce(run);
  }
  DispatcherOf(node_, run.ctx.client).ServeWithin();
  if (worker.stopping()) return true;
  const std::lock_guard lock(mu_);
  const auto found =
      std::find_if(long_.begin(), long_.end(), [&](const Long& one) { return one.run == &run; });
  return found->killed && !run.wrote.load(std::memory_order_relaxed);
}

void NodeScripting::Announce(ScriptRun& run) {
  LogWarning("Slow script detected; SCRIPT KILL or FUNCTION KILL may end it",
             {{"name", run.name}, {"ms", MillisOf(run)}});
  run.busy = true;
  const std::lock_guard lock(mu_);
  long_.push_back({&run});
  node_.store().busy().store(true);
}

void NodeScripting::Finish(ScriptRun& run) {
  const std::lock_guard lock(mu_);
  std::erase_if(long_, [&](const Long& one) { return one.run == &run; });
  node_.store().busy().store(!long_.empty());
}

std::string_view NodeScripting::Kill(bool script) {
  const std::lock_guard lock(mu_);
  if (long_.empty()) return "NOTBUSY No scripts in execution right now.";
  const auto of_kind = std::find_if(long_.begin(), long_.end(),
                                    [script](const Long& one) { return one.run->eval == script; });
  Long& one = of_kind == long_.end() ? long_.front() : *of_kind;
  if (one.run->wrote.load(std::memory_order_relaxed)) {
    return "UNKILLABLE Sorry the script already executed write commands against the dataset. You "
           "can either wait the script termination or kill the server in a hard way using the "
           "SHUTDOWN NOSAVE command.";
  }
  if (one.run->eval != script) return one.run->eval ? kBusyScript : kBusyFunction;
  one.killed = true;
  return {};
}

std::string_view NodeScripting::BusyText() {
  const std::lock_guard lock(mu_);
  return long_.empty() || long_.front().run->eval ? kBusyScript : kBusyFunction;
}

std::optional<NodeScripting::Busy> NodeScripting::Running() {
  const std::lock_guard lock(mu_);
  if (long_.empty()) return std::nullopt;
  const ScriptRun& run = *long_.front().run;
  return Busy{.script = run.eval,
              .name = std::string(run.name),
              .command = {run.ctx.argv.begin(), run.ctx.argv.end()},
              .ms = MillisOf(run)};
}

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
  if (node_.TooFewReplicas()) return std::string(commands::errors::kTooFewReplicas);
  return {};
}

bool NodeScripting::OutOfMemory(commands::ClientState& client) {
  return client.id != 0 && DispatcherOf(node_, client).out_of_memory();
}

}  // namespace henge::server
