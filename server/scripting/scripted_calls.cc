// SPDX-License-Identifier: Apache-2.0
// The dispatcher's part in scripts: the commands they call, checked, locked and told as those of a
// transaction.
#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "commands/errors.h"
#include "commands/scripting/script_host.h"
#include "commands/scripting/script_run.h"
#include "server/dispatch.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {

using commands::CommandContext;
using commands::scripting::ScriptRun;
namespace errors = commands::errors;

bool Dispatcher::RunsScript(const commands::ClientState& client, uint32_t flags) const {
  if ((flags & commands::kLocksQueued) == 0) return (flags & commands::kRunsScript) != 0;
  return std::any_of(client.queue.begin(), client.queue.end(), [](const auto& queued) {
    return (queued.spec->flags & commands::kRunsScript) != 0;
  });
}

bool Dispatcher::ReadsOnly(const commands::CommandSpec& spec,
                           std::span<const std::string_view> argv) const {
  if ((spec.flags & commands::kRunsScript) == 0 || node_.pause().all.load()) return false;
  commands::scripting::ScriptHost& scripting = node_.services().scripting();
  uint32_t flags = commands::scripting::kNoFlags;
  if (const auto shebang = commands::scripting::ReadShebang(argv[1]); shebang.ok()) {
    flags = shebang->flags;
  }
  if (const auto script = scripting.cache().Find(argv[1])) flags = script->flags;
  const auto found = scripting.libraries().FindFunction(argv[1]);
  if (found.function != nullptr) flags = found.function->flags;
  return (flags & commands::scripting::kNoWrites) != 0;
}

std::string_view Dispatcher::RefuseScripted(const ScriptRun& run, const Prepared& p,
                                            std::span<const std::string_view> argv) {
  if (!IsHere(p) || p.unknown_subcommand) {
    return run.by_server ? "ERR Unknown command called from script"
                         : "ERR Unknown Redis command called from script";
  }
  const commands::CommandSpec& spec = *p.info->spec;
  const int count = static_cast<int>(argv.size());
  if ((spec.arity > 0 && count != spec.arity) || count < -spec.arity || spec.handler == nullptr) {
    return run.by_server ? "ERR Wrong number of args calling command from script"
                         : "ERR Wrong number of args calling Redis command from script";
  }
  const uint32_t flags = spec.flags;
  if ((flags & (commands::kNoScript | commands::kRunsScript)) != 0 &&
      ((flags & commands::kRunsScript) != 0 ||
       !node_.debug().scripts_run_all.load(std::memory_order_relaxed))) {
    return "ERR This Redis command is not allowed from script";
  }
  if (run.read_only && (flags & (commands::kWrite | commands::kMayReplicate)) != 0) {
    return "ERR Write commands are not allowed from read-only scripts.";
  }
  if ((flags & commands::kWrite) != 0 && node_.replication().refuses_writes()) {
    return errors::kReadOnlyReplica;
  }
  if ((flags & commands::kWrite) != 0 && !run.wrote.load(std::memory_order_relaxed)) {
    if (Leaseless()) {
      const bool plain = node_.options().in_group && !node_.options().cluster_enabled;
      if (plain) return errors::kNoLease;
      return "ERR Script attempted to execute a write command while the cluster is down and "
             "readonly";
    }
    if (node_.saver().refuses_writes()) return errors::kCannotSave;
    if (!node_.journaling().healthy()) {
      refusal_ = "MISCONF Errors writing to the AOF file: " + node_.journaling().error_reason();
      return refusal_;
    }
    if (node_.TooFewReplicas()) return errors::kTooFewReplicas;
    if ((flags & commands::kDenyOom) != 0 && !run.allow_oom && out_of_memory_) {
      return errors::kOutOfMemory;
    }
  }
  return {};
}

// Whatever the script did not declare is locked now, if it holds the script token. Without that it
// has been proven to declare all, and what it says otherwise is refused.
bool Dispatcher::LockScripted(const Prepared& p, std::span<const store::Key> keys) {
  if ((p.info->spec->flags & (commands::kLocksAll | commands::kWalks)) != 0 || p.names_not_all) {
    if (holds_token_) locks_.AcquireAll();
    return locks_.HoldsAll();
  }
  return std::all_of(keys.begin(), keys.end(), [this](const store::Key& key) {
    const ShardIndex shard = node_.store().ShardOf(key.slot);
    if (holds_token_) locks_.Acquire(shard);
    return locks_.Holds(shard);
  });
}

std::string_view Dispatcher::RunScripted(ScriptRun& run, std::span<const std::string_view> argv,
                                         proto::ReplyWriter& reply) {
  scripted_keys_.clear();
  const Prepared p = Prepare(argv, scripted_keys_);
  const std::span<const store::Key> keys(scripted_keys_);
  std::string_view refusal = RefuseScripted(run, p, argv);
  if (refusal.empty() && (p.info->spec->flags & commands::kWrite) != 0) {
    run.wrote.store(true, std::memory_order_relaxed);
  }
  if (refusal.empty() && !LockScripted(p, keys)) {
    LogError("A script that was proven to touch only its keys touches another",
             {{"script", run.name}, {"command", p.info->full_name}});
    refusal = "ERR Script attempted to access a key that it did not declare";
  }
  if (refusal.empty()) refusal = RefuseScriptedBySlot(run, p, keys);
  // The role may have changed while it waited for the locks.
  const bool writes = refusal.empty() && (p.info->spec->flags & commands::kWrite) != 0;
  if (writes && node_.replication().refuses_writes()) refusal = errors::kReadOnlyReplica;
  if (!refusal.empty()) {
    node_.server_stats().errors.Count(refusal.substr(0, refusal.find(' ')));
    if (p.info != nullptr) stats_.by_command[static_cast<size_t>(p.info->index)].rejected.Add();
    return refusal;
  }
  commands::ClientState& client = run.ctx.client;
  const commands::CommandSpec& spec = *p.info->spec;
  store::Keyspace keyspace = run.ctx.keyspace.InDatabase(client.db.load(std::memory_order_relaxed));
  commands::ArgReader args(argv.subspan(p.info->container == nullptr ? 1 : 2), keys);
  CommandContext context{client, reply, keyspace, run.ctx.services, spec, argv, true};
  context.effects = commands::CallEffects(effects_.wanted());
  const uint64_t changes_before = effects_.changes();
  const uint64_t start = Ticks();
  spec.handler(context, args);
  TrackReads(client, spec, keys);
  if (effects_.changes() != changes_before && run.replicate) {
    effects_.EndCall({.db = keyspace.db(),
                      .argv = argv,
                      .keys = keys,
                      .words_go = true,
                      .names_not_all = p.names_not_all},
                     context.effects);
  }
  if (node_.monitors().active() &&
      (spec.flags & (commands::kSkipMonitor | commands::kAdmin)) == 0) {
    AppendMonitorLine(SystemClock().NowMicros(), keyspace.db(), "lua", argv, monitor_lines_);
  }
  const bool failed = reply.errors() > 0;
  Account({client, *p.info, Ticks() - start, failed, failed ? reply.last_error_code() : ""},
          [&] { return std::vector<std::string_view>(argv.begin(), argv.end()); });
  return {};
}

// --- While a script takes long ---

bool Dispatcher::waits_for_script() const {
  return node_.store().busy().load(std::memory_order_relaxed);
}

void Dispatcher::ServeWithin() {
  if (serving_within_) return;
  serving_within_ = true;
  node_.workers()[static_cast<size_t>(worker_index_)]->ServeWithin();
  serving_within_ = false;
}

size_t Dispatcher::ExecuteWithin(Session& session, const net::Batch& batch) {
  for (size_t i = 0; i < batch.size(); ++i) {
    RunWithin(session, batch.argv(i));
    if (session.connection().suspended() || session.state().close_after_reply) return i + 1;
  }
  return batch.size();
}

// The call that is under way keeps its keys, its words and its locks: nothing of those is touched.
void Dispatcher::RunWithin(Session& session, std::span<const std::string_view> argv) {
  commands::ClientState& client = session.state();
  std::vector<store::Key> keys;
  Prepared p = Prepare(argv, keys);
  p.key_count = 0;
  std::string_view refusal = RefuseUnknown(p, argv);
  const uint32_t flags = p.info == nullptr ? 0 : p.info->spec->flags;
  if (!refusal.empty()) return Refuse(session, p, argv, refusal);
  if (!client.authenticated.load(std::memory_order_relaxed) && (flags & commands::kNoAuth) == 0) {
    return Refuse(session, p, argv, errors::kNoAuth);
  }
  if ((flags & commands::kAllowBusy) == 0 || !keys.empty()) {
    return Refuse(session, p, argv, node_.services().scripting().BusyText());
  }
  if (client.in_multi.load(std::memory_order_relaxed) && (flags & commands::kRunsInMulti) == 0) {
    return Queue(session, p, argv);
  }
  store::Keyspace keyspace(node_.store(), locks_, effects_,
                           client.db.load(std::memory_order_relaxed), now_);
  commands::ArgReader args(argv.subspan(p.info->container == nullptr ? 1 : 2), {});
  CommandContext context{client, session.reply(), keyspace, node_.services(), *p.info->spec, argv};
  const uint64_t start = Ticks();
  p.info->spec->handler(context, args);
  Account({client, *p.info, Ticks() - start, false, ""},
          [&] { return std::vector<std::string_view>(argv.begin(), argv.end()); });
}

}  // namespace henge::server
