// SPDX-License-Identifier: Apache-2.0
// Node: the whole server in one object. The only place that constructs the floors below and ties
// them together; implements the interfaces that commands and the front end ask for.
//
// Threads: one per worker, plus the main thread, which waits for the end. What several threads
// touch is atomic or under the leaf mutex named beside it.
#pragma once

#include <absl/status/status.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "commands/services.h"
#include "net/listener.h"
#include "net/worker.h"
#include "persistence/effect_listener.h"
#include "pubsub/exchange.h"
#include "server/client_eviction.h"
#include "server/client_limits.h"
#include "server/client_registry.h"
#include "server/cluster/group_failover.h"
#include "server/cluster/group_watch.h"
#include "server/cluster_member.h"
#include "server/config/config.h"
#include "server/dispatch.h"
#include "server/latency_monitor.h"
#include "server/migrate/key_mover.h"
#include "server/monitors.h"
#include "server/observability/http_endpoint.h"
#include "server/persistence/dataset_loader.h"
#include "server/persistence/journaling.h"
#include "server/persistence/progress_log.h"
#include "server/persistence/saver.h"
#include "server/pubsub/between_nodes.h"
#include "server/pubsub/tracking.h"
#include "server/replication/replication.h"
#include "server/server_stats.h"
#include "server/shutdown.h"
#include "server/slowlog.h"
#include "server/totals.h"
#include "store/store.h"

namespace henge::server {

class SlotExports;
class SlotImports;
class SlotPause;
class SlotSweeper;

// What the configuration fixes at the start.
struct NodeOptions {
  net::ListenOptions listen;
  HttpOptions metrics;
  int io_threads = 1;
  int databases = 16;
  bool cluster_enabled = false;  // To clients: with shards.
  bool in_group = false;         // Others decide whether it leads: in a cluster, or without shards.
  ClusterConfig cluster;
};

// What CLIENT PAUSE set, and a hand-over of the group; read at the gate.
struct PauseState {
  std::mutex mu;  // Taken to change it.
  std::atomic<UnixMillis> until{0};
  std::atomic<bool> all{false};
  std::atomic<bool> stops_writes{false};  // The hand-over's: no client ends it.

  // Whether a command is not to be run for a client that waits for keys.
  bool Holds(const commands::CommandSpec& spec, UnixMillis now) const {
    const bool writes = (spec.flags & (commands::kWrite | commands::kMayReplicate)) != 0;
    if (writes && stops_writes.load(std::memory_order_relaxed)) return true;
    if (until.load(std::memory_order_relaxed) <= now) return false;
    return writes || all.load(std::memory_order_relaxed);
  }
};

class Node final : public net::HandlerFactory {
 public:
  // `listener` hears every effect; it may be null and outlives the node.
  explicit Node(std::unique_ptr<Config> config, persistence::EffectListener* listener = nullptr);
  ~Node() override;

  absl::Status Start();

  // --- net::HandlerFactory -------------------------------------------------------------------
  std::optional<std::string> Admit(std::string_view address, bool unix_socket,
                                   size_t open) override;
  std::unique_ptr<net::ConnectionHandler> Open(net::Connection& connection) override;

  // Why clients aren't served now; empty: they are. Any thread.
  std::string_view NotReady() const;

  // --- Parts ---------------------------------------------------------------------------------
  store::Store& store() { return store_; }
  ClientRegistry& clients() { return clients_; }
  commands::Services& services();
  // Null outside cluster mode; fixed by Start. Also for a group without shards, which is none to
  // clients.
  cluster::ClusterView* cluster() {
    return cluster_ == nullptr || !options_.cluster_enabled ? nullptr : &cluster_->view();
  }
  Config& config() { return *config_; }
  const Settings& parameters() const { return config_->settings(); }
  // Whether fewer replicas follow than a write asks for (min-replicas-to-write). None does yet.
  bool TooFewReplicas() const {
    return replication_.too_few_followers() || replication_.acknowledgements().too_few();
  }
  const NodeOptions& options() const { return options_; }
  ClusterMember* member() { return cluster_.get(); }  // Null for a node on its own.
  // Null unless this node is of a group without shards.
  GroupWatch* group_watch() {
    return cluster_ == nullptr || options_.cluster_enabled ? nullptr : &group_watch_;
  }
  GroupFailover& group_failover() { return group_failover_; }
  PauseState& pause() { return pause_; }
  SlotPause& slot_pause() { return *slot_pause_; }
  SlotSweeper& slot_sweeper() { return *slot_sweeper_; }
  SlotImports& slot_imports() { return *slot_imports_; }
  // The node is about to end.
  bool stopping() const { return stopping_.load(); }
  ClientLimits& limits() { return limits_; }
  std::vector<std::unique_ptr<net::Worker>>& workers() { return workers_; }
  std::vector<std::unique_ptr<Dispatcher>>& dispatchers() { return dispatchers_; }
  net::Acceptor& acceptor() { return acceptor_; }
  ClientEviction& client_eviction() { return client_eviction_; }
  const std::string& run_id() const { return run_id_; }
  int64_t started_at_us() const { return started_at_us_; }
  commands::CommandSettings& settings() { return settings_; }
  ServerStats& server_stats() { return server_stats_; }
  Slowlog& slowlog() { return slowlog_; }
  LatencyMonitor& latency() { return latency_; }
  Monitors& monitors() { return monitors_; }
  pubsub::Exchange& exchange() { return exchange_; }
  BetweenNodes& between_nodes() { return between_nodes_; }
  NewsWanted& news_wanted() { return news_wanted_; }
  Tracking& tracking() { return tracking_; }
  commands::DebugSettings& debug() { return debug_; }
  bool IsStalled() const;  // By DEBUG SLEEP.
  uint64_t startup_memory() const { return startup_memory_; }
  StatsBaseline& baseline() { return baseline_; }
  Saver& saver() { return saver_; }
  Journaling& journaling() { return journaling_; }
  DatasetLoader& loader() { return loader_; }
  Shutdown& shutdown() { return shutdown_; }
  Replication& replication() { return replication_; }
  KeyMover& key_mover() { return key_mover_; }
  // Who hears effects, if anybody; it changes while all shards are locked.
  std::atomic<persistence::EffectListener*>& effect_listener() { return effect_listener_; }

 private:
  // This node's part among others begins.
  absl::Status StartMember();
  // Where the system permits fewer open files than maxclients needs.
  void FitMaxClients();
  void LogStart();
  // Shard channels go with their slots.
  void Expel(const pubsub::SlotSet& slots);
  // Who waits for keys when the cluster goes down is told.
  void RedirectWhileDown();
  void WarnOfSettings();
  void LogPulse();
  // On the first worker, each 100 ms: samples rates and memory.
  void Tick();
  // On each worker, once a second: closes clients that are idle or over a limit for too long.
  void CheckClients(net::Worker& worker);

  std::unique_ptr<Config> config_;
  NodeOptions options_;
  std::atomic<persistence::EffectListener*> effect_listener_;
  commands::CommandSettings settings_;
  commands::DebugSettings debug_;
  store::Store store_;
  ServerStats server_stats_;
  Slowlog slowlog_;
  LatencyMonitor latency_{config_->settings().latency_monitor_threshold};
  StatsBaseline baseline_;
  Monitors monitors_;
  pubsub::Exchange exchange_{
      options_.io_threads, [this](int worker) {
        workers_[static_cast<size_t>(worker)]->Post([this, worker] { exchange_.Drain(worker); });
      }};
  NewsWanted news_wanted_;
  BetweenNodes between_nodes_{exchange_};
  Tracking tracking_{*this};
  PauseState pause_;
  std::atomic<bool> stopping_{false};
  const std::unique_ptr<SlotPause> slot_pause_;
  const std::unique_ptr<SlotSweeper> slot_sweeper_;
  const std::unique_ptr<SlotImports> slot_imports_;
  const std::unique_ptr<SlotExports> slot_exports_;
  ClientEviction client_eviction_{*this};
  ClientLimits limits_;
  ClientRegistry clients_;
  std::unique_ptr<ClusterMember> cluster_;
  GroupWatch group_watch_{*this};
  GroupFailover group_failover_{*this};
  bool cluster_was_down_ = false;  // The first worker's.
  Journaling journaling_{*this};
  Replication replication_{*this};
  KeyMover key_mover_{*this};
  Saver saver_{*this};  // Its thread may rewrite the append-only file: it ends first.
  std::vector<std::unique_ptr<net::Worker>> workers_;
  std::vector<std::unique_ptr<Dispatcher>> dispatchers_;
  net::Acceptor acceptor_;
  std::unique_ptr<commands::Services> services_;
  std::string run_id_;
  int64_t started_at_us_ = 0;
  uint64_t startup_memory_ = 0;
  uint64_t ticks_ = 0;
  DatasetLoader loader_{*this};
  ProgressLog progress_log_;
  std::unique_ptr<HttpEndpoint> http_;
  std::atomic<bool> started_{false};
  Shutdown shutdown_{*this};
};

}  // namespace henge::server
