// SPDX-License-Identifier: Apache-2.0
#include "server/node_services.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "commands/command_table.h"
#include "commands/dump/key_move.h"
#include "commands/errors.h"
#include "server/access.h"
#include "server/blocked_call.h"
#include "server/cluster/node_announcement.h"
#include "server/info/info.h"
#include "server/memory_report.h"
#include "server/node.h"
#include "server/scripting/node_scripting.h"
#include "server/session.h"
#include "server/totals.h"
#include "store/unheard.h"

namespace henge::server {
namespace {

using commands::ClientState;

// Takes as long for every wrong guess of a length.
bool SameSecret(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  }
  return difference == 0;
}

class Clients final : public commands::ClientsService {
 public:
  explicit Clients(Node& node) : node_(node) {}

  void ForEach(const std::function<void(const ClientState&)>& fn) override {
    node_.clients().ForEach([&](Session& session) {
      if (!session.state().close_asap.load(std::memory_order_relaxed)) fn(session.state());
    });
    node_.replication().ForEachStream(fn);
  }

  bool Kill(ClientId id) override {
    bool found = false;
    std::shared_ptr<BlockedCall> call;
    node_.clients().Visit(id, [&](Session& session) {
      found = !session.state().close_asap.exchange(true, std::memory_order_relaxed);
      call = session.blocked_call();
    });
    const bool stream = node_.replication().KillStream(id);
    if (!found) return stream;
    if (call != nullptr) call->End();  // Nothing is given to it from now on.
    node_.clients().RunOn(
        id, [](Session& session) { session.connection().worker().Close(session.connection()); });
    return true;
  }

  bool Unblock(ClientId id, bool with_error) override {
    bool blocked = false;
    std::shared_ptr<BlockedCall> call;
    node_.clients().Visit(id, [&](Session& session) {
      blocked = session.state().blocked.load(std::memory_order_relaxed);
      call = session.blocked_call();
    });
    if (call != nullptr) {
      // Unless it has been served: it is ended here and now, and learns it soon.
      return call->End() && node_.clients().RunOn(id, [call, with_error](Session& session) {
        session.EndWait(*call, with_error ? commands::errors::kUnblocked : std::string_view());
      });
    }
    return blocked && node_.clients().RunOn(
                          id, [with_error](Session& session) { session.Unblock(with_error); });
  }

  void Pause(PauseMode mode, UnixMillis until) override {
    PauseState& pause = node_.pause();
    const std::lock_guard lock(pause.mu);
    // A longer or stronger pause under way is kept.
    const bool active = pause.until.load() > SystemClock().NowMillis();
    pause.all.store(mode == PauseMode::kAll || (active && pause.all.load()));
    if (!active || until > pause.until.load()) pause.until.store(until);
    node_.store().settings().frozen_until.store(pause.until.load());
  }

  void Unpause() override {
    {
      const std::lock_guard lock(node_.pause().mu);
      node_.pause().until.store(0);
      node_.store().settings().frozen_until.store(0);
    }
    for (const auto& worker : node_.workers()) {
      net::Worker* w = worker.get();
      w->Post([w] {
        w->ForEachConnection([](net::Connection& connection) {
          static_cast<Session&>(connection.handler()).CheckPause();
        });
      });
    }
  }

  void SetMonitor(ClientState& client, bool on) override {
    client.monitor.store(on, std::memory_order_relaxed);
    Session& session = Session::Of(client);
    on ? node_.monitors().Add(session) : node_.monitors().Remove(session);
  }

 private:
  Node& node_;
};

class Control final : public commands::ControlService {
 public:
  explicit Control(Node& node) : node_(node) {}
  void Shutdown(ClientState& client, const ShutdownOptions& options) override {
    const int64_t wishes = (options.save ? kShutdownSave : 0) |
                           (options.no_save ? kShutdownNoSave : 0) |
                           (options.now ? kShutdownNow : 0) | (options.force ? kShutdownForce : 0);
    node_.shutdown().Request({.reason = "SHUTDOWN", .wishes = wishes, .client = client.id});
    // If it fails, or another one was under way and did; else the connection ends.
    Session::Of(client).Block(0, [](commands::BlockedReply& reply) {
      reply.Error("ERR Errors trying to SHUTDOWN. Check logs.");
    });
  }
  bool AbortShutdown() override { return node_.shutdown().Abort(); }
  commands::DebugSettings& debug() override { return node_.debug(); }
  void Stall(int64_t micros) override {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(micros);
    node_.debug().stalled_until_us.store(SystemClock().MonotonicMicros() + micros);
    for (const auto& worker : node_.workers()) {
      if (!worker->InThread()) worker->Post([until] { std::this_thread::sleep_until(until); });
    }
    std::this_thread::sleep_until(until);
  }
  void SetActiveExpire(bool on) override { node_.store().settings().active_expiry.store(on); }
  std::string Authenticate(ClientState& client, std::string_view user,
                           std::string_view password) override {
    const std::string required = node_.parameters().requirepass.load();
    if (user != "default" || (!required.empty() && !SameSecret(password, required))) {
      node_.server_stats().denied_auth.fetch_add(1);
      return std::string(commands::errors::kWrongPass);
    }
    {
      std::lock_guard lock(client.mu);
      client.user = user;
    }
    client.authenticated.store(true, std::memory_order_relaxed);
    return {};
  }
  bool PasswordRequired() const override { return !node_.parameters().requirepass.load().empty(); }
  bool HasUser(std::string_view name) const override { return name == "default"; }
  void ResetUser(ClientState& client) override {
    {
      std::lock_guard lock(client.mu);
      client.user = "default";
    }
    client.authenticated.store(!PasswordRequired(), std::memory_order_relaxed);
  }
  void Reclaim(std::function<void()> fn) override {
    node_.store().reclaimer().Submit(std::move(fn), 1);
  }

 private:
  Node& node_;
};

class Stats final : public commands::StatsService {
 public:
  explicit Stats(Node& node) : node_(node) {}
  std::string Info(const std::vector<std::string>& sections) override {
    return InfoText(node_, sections);
  }
  std::vector<commands::SlowlogEntry> Slowlog(int64_t count) override {
    return node_.slowlog().Newest(count);
  }
  int64_t SlowlogLength() override { return node_.slowlog().size(); }
  void SlowlogReset() override { node_.slowlog().Clear(); }
  std::optional<commands::LatencyHistogram> CommandLatency(std::string_view name) override {
    const commands::CommandInfo* info = commands::CommandTable::Get().Find(name);
    if (info == nullptr) return std::nullopt;
    const CommandTotals totals = SumCommand(node_, info->index);
    if (totals.calls == 0) return std::nullopt;
    commands::LatencyHistogram histogram{.calls = totals.calls};
    uint64_t cumulative = 0;
    for (size_t i = 0; i < kLatencyBuckets; ++i) {
      if (totals.latency[i] == 0) continue;
      cumulative += totals.latency[i];
      histogram.cumulative.emplace_back(uint64_t{1} << i, cumulative);
    }
    return histogram;
  }
  commands::LatencyPicture Latency() override {
    return {.threshold_ms = node_.parameters().latency_monitor_threshold.load(),
            .slowlog_us = node_.slowlog().threshold_us.load(),
            .series = node_.latency().All()};
  }
  int64_t LatencyReset(std::string_view event) override { return node_.latency().Reset(event); }
  commands::ServerMemory Memory() override { return MeasureServer(node_); }

 private:
  Node& node_;
};

class ConfigAccess final : public commands::ConfigService {
 public:
  explicit ConfigAccess(Node& node) : node_(node) {}
  std::vector<NameValue> Get(const std::vector<std::string>& patterns) override {
    return node_.config().Get(patterns);
  }
  std::string Set(const std::vector<NameValue>& values, const ClientState& by) override {
    const bool loads = node_.loader().refuses() || node_.loader().loads_aside();
    const bool held_up = std::any_of(values.begin(), values.end(), [](const NameValue& value) {
      const Parameter* parameter = FindParameter(value.first);
      return parameter != nullptr && parameter->Has(kDenyLoading);
    });
    if (loads && held_up) return std::string(commands::errors::kLoading);
    return node_.config().Set(values,
                              IsAllowed(node_.parameters().enable_protected_configs.load(), by));
  }
  bool IsSecret(std::string_view name) override {
    const Parameter* parameter = FindParameter(name);
    return parameter != nullptr && parameter->Has(kSensitive);
  }
  bool IsAnnounced(std::string_view name) override {
    const Parameter* parameter = FindParameter(name);
    return parameter != nullptr && server::IsAnnounced(parameter->name);
  }
  void Announce(cluster::ProposalDone done) override { AnnounceNode(node_, std::move(done)); }
  std::string Rewrite() override { return node_.config().Rewrite(); }
  void ResetStats() override { server::ResetStats(node_); }

 private:
  Node& node_;
};

class Persistence final : public commands::PersistenceService {
 public:
  explicit Persistence(Node& node) : node_(node) {}

  bool StartSave(bool later) override {
    if (later) {
      node_.saver().Schedule();
      return true;
    }
    return node_.saver().Start({});
  }

  bool Save(ClientState& client) override {
    // The worker runs what is posted to it after this command, so after Block.
    auto result = std::make_shared<std::optional<bool>>();
    const ClientId id = client.id;
    const bool started = node_.saver().Start([this, id, result](const absl::Status& status) {
      node_.clients().RunOn(id, [result, ok = status.ok()](Session& session) {
        *result = ok;
        session.Unblock(false);
      });
    });
    if (!started) return false;
    Session::Of(client).Block(0, [result](commands::BlockedReply& reply) {
      if (!result->has_value()) return reply.Error("ERR SAVE goes on unattended");
      **result ? reply.Ok() : reply.Error("ERR");
    });
    return true;
  }

  bool NoteFlushAll(ClientState* waiting) override {
    if (node_.loader().loading()) return false;
    // With the append-only file the flush is kept by that.
    if (waiting == nullptr || node_.journaling().enabled()) {
      node_.saver().NoteFlush([](const absl::Status&) {});
      return false;
    }
    const bool saving = node_.saver().NoteFlush([this, id = waiting->id](const absl::Status&) {
      node_.clients().RunOn(id, [](Session& session) { session.Unblock(false); });
    });
    if (saving) Session::Of(*waiting).Block(0, [](commands::BlockedReply& reply) { reply.Ok(); });
    return saving;
  }

  SaveCancelled CancelSave() override {
    switch (node_.saver().CancelSave()) {
      case Saver::Cancelled::kRunning:
        return SaveCancelled::kRunning;
      case Saver::Cancelled::kScheduled:
        return SaveCancelled::kScheduled;
      default:
        return SaveCancelled::kNothing;
    }
  }

  bool Rewriting() override { return node_.journaling().report().rewriting; }

  bool IsDurable(ClientState& client) override {
    return node_.journaling().enabled() && Session::Of(client).wrote_durably();
  }

  RewriteStart StartRewrite() override {
    switch (node_.journaling().StartRewrite()) {
      case Journaling::RewriteStart::kStarted:
        return RewriteStart::kStarted;
      case Journaling::RewriteStart::kScheduled:
        return RewriteStart::kScheduled;
      default:
        return RewriteStart::kBusy;
    }
  }

  int64_t LastSave() override { return node_.saver().report().last_save; }

  std::string Reload(commands::CommandContext& ctx, const ReloadOptions& options) override {
    store::LockSet own(node_.store());
    const store::LockSet& held = LockAll(ctx, own);
    if (options.save && !node_.saver().SaveLocked().ok()) return "ERR";
    if (options.flush) Flush(ctx, held);
    if (const absl::Status status = node_.loader().LoadLocked(held, options.merge); !status.ok()) {
      LogWarning("Can't load the RDB file", {{"error", Std(status.message())}});
      return "ERR Error trying to load the RDB dump, check server logs";
    }
    node_.saver().NoteLoaded();
    return {};
  }

  std::string LoadAppendOnlyFile(commands::CommandContext& ctx) override {
    store::LockSet own(node_.store());
    const store::LockSet& held = LockAll(ctx, own);
    // What the transaction has done is not in the file yet.
    absl::Status status = ctx.in_exec ? absl::UnavailableError("it is called in a transaction")
                                      : node_.journaling().Drain();
    if (status.ok()) {
      Flush(ctx, held);
      status = node_.loader().LoadAofLocked(held);
    }
    if (!status.ok()) {
      LogWarning("Can't load the append-only file", {{"error", Std(status.message())}});
      return "ERR Error trying to load the AOF files, check server logs.";
    }
    node_.saver().NoteLoaded();
    LogNotice("Append Only File loaded by DEBUG LOADAOF");
    return {};
  }

 private:
  // What the call holds if it holds every shard, as in a transaction; else `own`, locked now.
  const store::LockSet& LockAll(commands::CommandContext& ctx, store::LockSet& own) {
    if (ctx.keyspace.locks().HoldsAll()) return ctx.keyspace.locks();
    own.AddAll();
    own.Lock();
    return own;
  }
  void Flush(commands::CommandContext& ctx, const store::LockSet& held) {
    store::Store& store = node_.store();
    store::Unheard unheard;
    store::Keyspace(store, held, unheard, 0, ctx.keyspace.now())
        .FlushDatabases(0, static_cast<DbIndex>(store.databases() - 1), store::FlushMode::kLazy);
    node_.services().scripting().libraries().Flush();
  }

  Node& node_;
};

class NodeServices final : public commands::Services {
 public:
  explicit NodeServices(Node& node)
      : node_(node),
        clients_(node),
        stats_(node),
        control_(node),
        config_(node),
        persistence_(node),
        scripting_(node) {}
  const commands::CommandSettings& settings() const override { return node_.settings(); }
  commands::ClientsService& clients() override { return clients_; }
  commands::StatsService& stats() override { return stats_; }
  commands::ControlService& control() override { return control_; }
  commands::ConfigService& config() override { return config_; }
  commands::PersistenceService& persistence() override { return persistence_; }
  commands::scripting::ScriptHost& scripting() override { return scripting_; }
  cluster::ClusterView* cluster() override { return node_.cluster(); }
  commands::SentinelService* sentinel() override { return node_.group_watch(); }
  pubsub::Exchange& exchange() override { return node_.exchange(); }
  commands::TrackingService& tracking() override { return node_.tracking(); }
  commands::ReplicationService& replication() override { return node_.replication(); }

  void RunQueued(commands::CommandContext& exec, commands::QueuedCommand& command) override {
    Session& session = SessionOf(exec.client);
    node_.dispatchers()[static_cast<size_t>(session.connection().worker().index())]->RunQueued(
        exec, command);
  }

  std::function<void()> Block(ClientState& client, int64_t timeout_ms,
                              std::function<void(commands::BlockedReply&)> done) override {
    return SessionOf(client).Block(timeout_ms, std::move(done));
  }

  void BlockOnKeys(commands::CommandContext& ctx, commands::KeyWait wait) override {
    if (ctx.in_exec) {
      const bool bulk = wait.not_waiting == commands::KeyWait::Null::kBulk;
      return bulk ? ctx.reply.Null() : ctx.reply.NullArray();
    }
    ctx.blocked = true;
    if (ctx.retry) return;  // It keeps its places.
    Session& session = SessionOf(ctx.client);
    auto call = std::make_shared<BlockedCall>(ctx, std::move(wait), session.connection().worker());
    store::Store& store = ctx.keyspace.store();
    for (store::WaitPlace& place : call->places()) {
      store.shard(store.ShardOf(place.slot)).waits.Add(call, place);
    }
    session.BlockOnKeys(std::move(call));
  }

  void MoveKeys(commands::CommandContext& ctx, commands::KeyMove move) override {
    node_.key_mover().Move(ctx, std::move(move));
  }

 private:
  // Every ClientState is a Session's member.
  static Session& SessionOf(ClientState& client) { return Session::Of(client); }

  Node& node_;
  Clients clients_;
  Stats stats_;
  Control control_;
  ConfigAccess config_;
  Persistence persistence_;
  NodeScripting scripting_;
};

}  // namespace

std::unique_ptr<commands::Services> MakeServices(Node& node) {
  return std::make_unique<NodeServices>(node);
}

}  // namespace henge::server
