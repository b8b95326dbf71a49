// SPDX-License-Identifier: Apache-2.0
#include "server/node.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bit>
#include <fstream>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/access.h"
#include "server/apply_config.h"
#include "server/cluster/empty_node.h"
#include "server/cluster/node_announcement.h"
#include "server/cluster/replicated_group.h"
#include "server/descriptors.h"
#include "server/node_services.h"
#include "server/session.h"
#include "server/slot_waiters.h"
#include "server/slots/slot_exports.h"
#include "server/slots/slot_imports.h"
#include "server/slots/slot_pause.h"
#include "server/slots/slot_sweeper.h"
#include "server/totals.h"

namespace henge::server {
namespace {

constexpr int kShardsPerWorker = 16;
constexpr int64_t kTickMs = 100;
constexpr uint64_t kPulseTicks = 50;
constexpr uint64_t kLeastMemory = 1 << 20;
constexpr int64_t kClientCheckMs = 1000;

// What a stranger's connection is told before it is closed, on one line.
constexpr std::string_view kProtectedModeRefusal =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. To connect from other machines: 1) set a password for the default user "
    "(requirepass), or 2) turn protected mode off, from this machine with 'CONFIG SET "
    "protected-mode no' or in the configuration, if the network is one you trust.\r\n";

int ShardsFor(int io_threads) {
  return static_cast<int>(std::bit_ceil(static_cast<unsigned>(io_threads * kShardsPerWorker)));
}

int64_t Micros(const timeval& t) { return int64_t{t.tv_sec} * 1'000'000 + t.tv_usec; }

// The calling worker's: where it waits for a lock that a script holds for long, it is not deaf.
void ServeWhileWaiting(Dispatcher& dispatcher) {
  SpinFutexMutex::while_waiting = {[](void* context) {
                                     auto& waiting = *static_cast<Dispatcher*>(context);
                                     if (waiting.waits_for_script()) waiting.ServeWithin();
                                   },
                                   &dispatcher};
}

}  // namespace

Node::Node(std::unique_ptr<Config> config, persistence::EffectListener* listener)
    : config_(std::move(config)),
      options_(OptionsFrom(config_->settings())),
      effect_listener_(listener),
      store_({.shards = ShardsFor(options_.io_threads),
              .databases = options_.cluster_enabled ? 1 : options_.databases,
              .table_per_slot = options_.cluster_enabled}),
      slot_pause_(std::make_unique<SlotPause>()),
      slot_sweeper_(std::make_unique<SlotSweeper>(*this)),
      slot_imports_(std::make_unique<SlotImports>(*this)),
      slot_exports_(std::make_unique<SlotExports>(*this)),
      acceptor_(workers_, *this),
      services_(MakeServices(*this)),
      run_id_(RandomHex(40)),
      started_at_us_(SystemClock().NowMicros()) {
  ApplyAllParameters(*this);
  for (int i = 0; i < options_.io_threads; ++i) {
    dispatchers_.push_back(std::make_unique<Dispatcher>(*this, i));
    workers_.push_back(std::make_unique<net::Worker>(i, *this));
  }
}

Node::~Node() {
  http_.reset();  // Nobody looks any more.
  stopping_.store(true);
  slot_exports_->Stop();
  if (cluster_ != nullptr) {
    cluster_->state().TellOffset(nullptr);
    cluster_->Stop();  // Nor does anything come for the workers.
  }
  loader_.Stop();  // A full sync's load, too, which replication's threads wait for.
  replication_.Stop();
  for (const auto& worker : workers_) worker->Stop();
  for (const auto& worker : workers_) worker->Join();
  key_mover_.Stop();
  acceptor_.Stop();
  // A rewrite under way is given up, or the snapshots' thread would end when that has. What the
  // journal says to workers they must still be there to hear.
  journaling_.Stop();
  workers_.clear();  // Sessions end before what they refer to.
}

commands::Services& Node::services() { return *services_; }

absl::Status Node::Start() {
  config_->set_applier(
      [this](const Parameter& parameter) { return ApplyParameter(*this, parameter); });
  FitMaxClients();
  if (absl::Status status = acceptor_.Listen(options_.listen); !status.ok()) {
    LogError(fmt::format("Failed listening on port {} (tcp), aborting.", options_.listen.port),
             {{"error", Std(status.message())}});
    return status;
  }
  if (absl::Status status = StartMember(); !status.ok()) return status;
  RefreshUsedMemory();
  startup_memory_ = UsedMemory();
  if (options_.metrics.port != 0) {
    auto http = HttpEndpoint::Start(*this, options_.metrics);
    if (!http.ok()) return http.status();
    http_ = *std::move(http);
  }
  if (absl::Status status = replication_.Prepare(); !status.ok()) return status;
  if (absl::Status status = loader_.Start(); !status.ok()) return status;
  acceptor_.Start();
  workers_[0]->Post([this] { Tick(); });
  for (const auto& worker : workers_) {
    net::Worker* w = worker.get();
    w->Post([this, w] { CheckClients(*w); });
    w->Post([this, w] { ServeWhileWaiting(*dispatchers_[static_cast<size_t>(w->index())]); });
    w->Post([this, w] { dispatchers_[static_cast<size_t>(w->index())]->upkeep().Start(*w); });
  }
  for (const auto& worker : workers_) worker->Start();
  started_.store(true);
  if (cluster() != nullptr) slot_exports_->Begin();
  LogStart();
  replication_.Start();
  return absl::OkStatus();
}

absl::Status Node::StartMember() {
  if (!options_.in_group) {
    if (options_.cluster.sharding) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "cluster-sharding no (cluster.sharding: off) needs cluster-enabled yes (cluster.enabled)");
  }
  auto member = ClusterMember::Start(
      options_.cluster, options_.listen.bind, options_.listen.port,
      {.listener = between_nodes_,
       .make_group =
           [this](const cluster::NodeId& self) {
             return std::make_unique<ReplicatedGroup>(*this, self);
           },
       .services = {replication_.StreamService(), cluster::MakeSlotTransferService(*slot_imports_)},
       .empty =
           [this](const std::function<bool()>& given_up) {
             return EmptyByItself(*this, given_up);
           }});
  if (!member.ok()) return member.status();
  cluster_ = *std::move(member);
  replication_.ServeStreamsAt(cluster_->bus_port());
  cluster_->relay().SetLimit(parameters().cluster_link_sendbuf_limit.load());
  cluster_->view().SetEndpointType(parameters().cluster_preferred_endpoint_type.load());
  cluster_->state().TellOffset([this] { return static_cast<uint64_t>(replication_.offset()); });
  AnnounceAtStart(*this);
  if (!options_.cluster_enabled) return absl::OkStatus();
  between_nodes_.Connect(cluster_->relay());
  cluster_->state().OnSlotsLost([this](const cluster::SlotSet& slots) {
    Expel(slots);
    RedirectWaiters(*this, slots);
  });
  slot_sweeper_->Recall();
  cluster_->state().OnTopology(
      [this](const cluster::Topology& topology, const cluster::NodeId& self, bool anew) {
        slot_sweeper_->OnTopology(topology, self, anew);
      });
  cluster_->state().Use(static_cast<cluster::SlotMigrations&>(*slot_exports_));
  return absl::OkStatus();
}

bool Node::IsStalled() const {
  return SystemClock().MonotonicMicros() < debug_.stalled_until_us.load(std::memory_order_relaxed);
}

void Node::Expel(const pubsub::SlotSet& slots) {
  for (const auto& worker : workers_) {
    worker->Post([this, slots, index = worker->index()] { exchange_.Expel(index, slots); });
  }
}

void Node::FitMaxClients() {
  const int64_t wanted = parameters().maxclients.load();
  const int64_t possible = MakeRoomForClients(wanted);
  if (possible == wanted) return;
  config_->settings().maxclients.Store(possible);
  limits_.max_clients.store(static_cast<size_t>(possible), std::memory_order_relaxed);
  LogWarning("maxclients is lowered to what the limit on open files allows; raise 'ulimit -n'",
             {{"wanted", wanted}, {"maxclients", possible}});
}

void Node::LogStart() {
  LogNotice(fmt::format("Running mode={}, port={}, PID: {}",
                        options_.cluster_enabled ? "cluster" : "standalone", options_.listen.port,
                        getpid()),
            {{"workers", options_.io_threads},
             {"shards", store_.shards()},
             {"databases", store_.databases()},
             {"maxmemory", store_.settings().max_memory.load()},
             {"policy", store::EvictionPolicyName(store_.settings().policy.load())}});
  LogNotice("Server initialized");
  WarnOfSettings();
  if (options_.metrics.port != 0) {
    LogNotice("Metrics are served over HTTP", {{"port", options_.metrics.port}});
  }
  for (const std::string& address : options_.listen.bind) {
    LogNotice("Listening", {{"bind", address}, {"port", options_.listen.port}});
  }
  if (options_.listen.port != 0) LogNotice("Ready to accept connections tcp");
  if (!options_.listen.unix_path.empty()) {
    LogNotice("Ready to accept connections unix", {{"path", options_.listen.unix_path}});
  }
}

// What is allowed, and hardly meant.
void Node::WarnOfSettings() {
  const uint64_t limit = store_.settings().max_memory.load();
  if (limit != 0 && limit < kLeastMemory) {
    LogWarning("maxmemory is less than a megabyte: is that what you want?", {{"bytes", limit}});
  }
  int most = 0;
  if (std::ifstream("/proc/sys/net/core/somaxconn") >> most && most < options_.listen.backlog) {
    LogWarning("The system allows less than tcp-backlog asks for",
               {{"tcp-backlog", options_.listen.backlog}, {"somaxconn", most}});
  }
}

void Node::LogPulse() {
  if (++ticks_ % kPulseTicks != 0 || !LogEnabled(LogLevel::kVerbose)) return;
  for (DbIndex db = 0; db < store_.databases(); ++db) {
    const uint64_t keys = store_.KeyCount(db);
    if (keys == 0) continue;
    LogVerbose("Keys", {{"db", db}, {"keys", keys}, {"volatile", store_.KeyCountWithExpiry(db)}});
  }
  LogDebug("Clients", {{"connected", clients_.size()}, {"used_memory", UsedMemory()}});
}

void Node::Tick() {
  LogPulse();
  RefreshUsedMemory();
  const uint64_t used = UsedMemory();
  if (used > server_stats_.peak_memory.load()) {
    server_stats_.peak_memory.store(used);
    server_stats_.peak_memory_at.store(SystemClock().NowMillis() / 1000);
  }
  const Totals totals = SumTotals(*this);
  const int64_t now_us = SystemClock().MonotonicMicros();
  server_stats_.ops.Sample(totals.commands, now_us);
  server_stats_.input.Sample(totals.bytes_read, now_us);
  server_stats_.output.Sample(totals.bytes_written, now_us);
  server_stats_.replication_input.Sample(totals.replication_bytes_read, now_us);
  server_stats_.replication_output.Sample(totals.replication_bytes_written, now_us);
  server_stats_.rounds.Sample(totals.rounds, now_us);
  server_stats_.busy.Sample(totals.busy_us, now_us);
  const uint64_t limit = store_.settings().max_memory.load(std::memory_order_relaxed);
  server_stats_.over_limit.Note(limit != 0 && used > limit, now_us);
  rusage thread{};
  getrusage(RUSAGE_THREAD, &thread);
  server_stats_.first_worker_user_us.store(Micros(thread.ru_utime), std::memory_order_relaxed);
  server_stats_.first_worker_sys_us.store(Micros(thread.ru_stime), std::memory_order_relaxed);
  if (!debug_.pause_cron.load(std::memory_order_relaxed) && !loader_.loading()) {
    tracking_.Limit(0);
    journaling_.Tick(SystemClock().NowMillis());
    saver_.Tick(SystemClock().NowMillis());
    replication_.Tick(SystemClock().NowMillis());
    slot_sweeper_->Tick();
  }
  RedirectWhileDown();
  if (group_watch() != nullptr) group_watch()->Review();
  progress_log_.Tick(*this, SystemClock().NowMillis());
  workers_[0]->AddTimer(kTickMs, [this] { Tick(); });
}

void Node::RedirectWhileDown() {
  if (cluster() == nullptr) return;
  const bool down = cluster()->health() != cluster::ClusterHealth::kOk;
  if (down && !cluster_was_down_) RedirectWaiters(*this, cluster::SlotSet().set());
  cluster_was_down_ = down;
}

void Node::CheckClients(net::Worker& worker) {
  if (!debug_.pause_cron.load(std::memory_order_relaxed)) {
    const UnixMillis now = SystemClock().NowMillis();
    worker.ForEachConnection([&](net::Connection& connection) {
      auto& session = static_cast<Session&>(connection.handler());
      // A soft limit runs out while nothing happens, so it is looked at here too.
      if (session.IdleTooLong(now) || !session.AfterWork()) worker.Close(connection);
    });
  }
  worker.AddTimer(kClientCheckMs, [this, &worker] { CheckClients(worker); });
}

std::string_view Node::NotReady() const {
  if (shutdown_.under_way()) return "shutting down";
  if (loader_.loading()) return "loading";
  return started_.load() ? "" : "starting";
}

std::optional<std::string> Node::Admit(std::string_view address, bool unix_socket, size_t open) {
  if (open >= limits_.max_clients.load(std::memory_order_relaxed)) {
    return "-ERR max number of clients reached\r\n";
  }
  if (!unix_socket && !IsLoopback(address) && parameters().protected_mode.load() &&
      parameters().requirepass.load().empty()) {
    return std::string(kProtectedModeRefusal);
  }
  return std::nullopt;
}

std::unique_ptr<net::ConnectionHandler> Node::Open(net::Connection& connection) {
  const auto worker = static_cast<size_t>(connection.worker().index());
  return std::make_unique<Session>(*this, *dispatchers_[worker], connection);
}

}  // namespace henge::server
