// SPDX-License-Identifier: Apache-2.0
#include "server/cluster_member.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/cluster/coordinator_choice.h"

namespace henge::server {
namespace {

using cluster::NodeId;
using cluster::TopologyPtr;

constexpr std::chrono::milliseconds kReview{50};    // Of the cluster's health.
constexpr std::chrono::milliseconds kRetry{100};    // Until the bus's port is tried again,
constexpr int kTries = 50;                          // this often.
constexpr std::chrono::milliseconds kTryAgain{10};  // What an operator waits for,
constexpr int kEmptyTries = 500;                    // this often: a node that was reset leads,
constexpr int kForceTries = 100;                    // a follower has come to be in sync.
constexpr int64_t kFirstLeaseMicros = 1'000'000;    // A new leader's lease may come so late.
constexpr int64_t kAskAgainMs = 1000;               // Of what must be known.
constexpr int64_t kFailoverMs = 5000;               // For a hand-over that an operator asked for.

// Two nodes of one folder would be one member twice.
absl::StatusOr<int> LockFolder(const std::string& directory, const std::string& file) {
  if (mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, absl::StrCat("can't make ", directory));
  }
  const std::string path = directory + "/lock";
  const int lock = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (lock < 0) return absl::ErrnoToStatus(errno, absl::StrCat("can't open ", path));
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  close(lock);
  return absl::FailedPreconditionError(
      absl::StrCat("Sorry, the cluster configuration file ", file,
                   " is already used by a different Redis Cluster node. Please make sure that "
                   "different nodes use "
                   "different cluster configuration files."));
}

absl::Status Ending() { return absl::UnavailableError("the node is about to stop"); }

// What is on disk may be of a cluster with shards, whose keys are not all here.
absl::Status CheckOneGroup(const cluster::Topology& topology, const std::string& directory) {
  const bool whole = topology.assigned_slots() == kSlots;
  if (whole && topology.groups().size() == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "cluster-sharding is no, but by ", directory,
      " this node is a member of a cluster with shards: set it to yes, or remove that folder"));
}

}  // namespace

std::vector<std::string> BusHosts(const std::vector<std::string>& bind) {
  std::vector<std::string> sure;
  std::vector<std::string> optional;
  for (std::string host : bind) {
    const bool may_fail = host.starts_with('-');
    if (may_fail) host.erase(0, 1);
    if (host == "*") host = "0.0.0.0";
    if (host == "::*") host = "::";
    (may_fail ? optional : sure).push_back(std::move(host));
  }
  return sure.empty() ? optional : sure;
}

ClusterMember::ClusterMember(const ClusterConfig& config, Parts parts)
    : config_(config), parts_(std::move(parts)), node_timeout_ms_(config.node_timeout_ms) {}

ClusterMember::~ClusterMember() {
  Stop();
  if (lock_ >= 0) close(lock_);
}

absl::StatusOr<std::unique_ptr<ClusterMember>> ClusterMember::Start(
    const ClusterConfig& config, const std::vector<std::string>& bind, int port, Parts parts) {
  const absl::StatusOr<NodePlan> plan = PlanNode(config, port);
  if (!plan.ok()) return plan.status();
  std::unique_ptr<ClusterMember> member(new ClusterMember(config, std::move(parts)));
  member->bus_hosts_ = BusHosts(bind);
  member->bus_port_ = plan->self.bus_port;
  const auto lock = LockFolder(config.directory, config.file);
  if (!lock.ok()) return lock.status();
  member->lock_ = *lock;
  auto coordinator = StartCoordinator(config, *plan);
  if (!coordinator.ok()) return coordinator.status();
  member->coordinator_ = *std::move(coordinator);
  if (!config.sharding) {
    const absl::Status one = CheckOneGroup(*member->coordinator_->topology(), config.directory);
    if (!one.ok()) return one;
  }
  const NodeId self = member->coordinator_->self();
  auto state = cluster::ClusterState::Make({.my_id = self,
                                            .node_timeout_ms = config.node_timeout_ms,
                                            .require_full_coverage = config.require_full_coverage},
                                           member->coordinator_->topology());
  if (!state.ok()) return state.status();
  member->state_ = *std::move(state);
  member->state_->Use(*member);
  member->relay_ = std::make_unique<cluster::Relay>(
      cluster::RelayOptions{.my_id = self,
                            .peers = [state = member->state_.get()] { return state->Peers(); }},
      member->parts_.listener);
  member->state_->CountRelay(*member->relay_);
  if (absl::Status status = member->BeginLife(self); !status.ok()) return status;
  member->state_->AskTouch([member = member.get()] { return member->InTouch(); });
  member->relay_->Start();
  member->heartbeat_ =
      std::make_unique<cluster::Heartbeat>(*member->state_, cluster::HeartbeatOptions{});
  member->courier_ = std::make_unique<cluster::Courier>(
      kReview, [state = member->state_.get()] { state->OnRound(); });
  member->coordinator_->Watch(member.get());
  return member;
}

void ClusterMember::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  if (coordinator_ != nullptr && courier_ != nullptr) coordinator_->Unwatch(this);
  courier_.reset();
  heartbeat_.reset();
  if (state_ != nullptr) state_->AskTouch(nullptr);
  if (relay_ != nullptr) relay_->Stop();
  EndLife();
  const std::lock_guard lock(asking_);
  coordinator_.reset();
}

// --- A life in a cluster ------------------------------------------------------------------------

absl::Status ClusterMember::BeginLife(const NodeId& self) {
  auto group = parts_.make_group(self);
  auto life = std::make_unique<cluster::NodeLife>(
      cluster::NodeLifeOptions{
          .self = self, .node_timeout_ms = node_timeout_ms_.load(), .incarnation = EntropySeed()},
      *coordinator_, *group);
  std::vector<std::shared_ptr<grpc::Service>> services = parts_.services;
  for (auto& service : coordinator_->services()) services.push_back(service);
  services.push_back(cluster::MakePingService(*state_));
  services.push_back(relay_->service());
  services.push_back(life->service());
  auto bus = cluster::BusServer::Start({.hosts = bus_hosts_, .port = bus_port_}, services);
  if (!bus.ok()) return bus.status();
  life->Start();
  const std::lock_guard lock(mutex_);
  group_ = std::move(group);
  life_ = std::move(life);
  bus_ = *std::move(bus);
  settled_ = !new_self_.has_value();
  life_->SetNodeTimeout(node_timeout_ms_.load());  // It may have changed meanwhile.
  return absl::OkStatus();
}

void ClusterMember::EndLife() {
  std::unique_ptr<cluster::GroupHost> group;
  std::shared_ptr<cluster::NodeLife> life;
  std::unique_ptr<cluster::BusServer> bus;
  {
    const std::lock_guard lock(mutex_);
    group = std::move(group_);
    life = std::move(life_);
    bus = std::move(bus_);
  }
  if (life != nullptr) life->Stop();
  bus.reset();
  life.reset();
}

void ClusterMember::OnTopology(const TopologyPtr& topology) {
  NodeId self;
  bool begins = false;
  {
    const std::lock_guard lock(mutex_);
    begins = new_self_.has_value();
    if (begins) self = *std::exchange(new_self_, std::nullopt);
  }
  if (!begins) {
    if (const absl::Status status = state_->Adopt(topology); !status.ok()) {
      LogDebug("A topology was not taken", {{"reason", Std(status.message())}});
    }
    return;
  }
  if (const absl::Status status = state_->BeginAnew(self, topology); !status.ok()) {
    LogError("The new cluster's topology was not taken", {{"reason", Std(status.message())}});
  }
  courier_->Call([this, self] { Resettle(self); });
}

void ClusterMember::OnCluster(const NodeId& self) {
  const std::lock_guard lock(mutex_);
  new_self_ = self;
  settled_ = false;  // What the life so far knows is of the former cluster.
}

void ClusterMember::Resettle(const NodeId& self) {
  LogNotice("This node belongs to another cluster now", {{"id", self.str()}});
  EndLife();
  absl::Status status = BeginLife(self);
  for (int tries = 1; !status.ok() && tries < kTries; ++tries) {
    std::this_thread::sleep_for(kRetry);
    status = BeginLife(self);
  }
  if (!status.ok()) {
    LogError("The bus can't be opened again; restart this node",
             {{"error", Std(status.message())}});
  }
}

// --- What operators ask for ---------------------------------------------------------------------

void ClusterMember::Propose(cluster::Change change, cluster::ProposalDone done) {
  const std::lock_guard lock(asking_);
  if (coordinator_ == nullptr) return done(Ending());
  coordinator_->Propose({.change = std::move(change)},
                        [this, done = std::move(done)](const absl::Status& status) {
                          // Who asked may look at once.
                          if (status.ok()) OnTopology(coordinator_->topology());
                          done(status);
                        });
}

absl::Status ClusterMember::ProposeOnce(uint64_t request, const cluster::Change& change) {
  const auto told = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> outcome = told->get_future();
  {
    const std::lock_guard lock(asking_);
    if (coordinator_ == nullptr) return absl::DeadlineExceededError("the node is about to stop");
    coordinator_->Propose({.request = request, .change = change, .timeout_ms = kAskAgainMs},
                          [this, told](const absl::Status& status) {
                            if (status.ok()) OnTopology(coordinator_->topology());
                            told->set_value(status);
                          });
  }
  return outcome.get();
}

absl::Status ClusterMember::ProposeUntilKnown(const cluster::Change& change,
                                              const std::function<bool()>& given_up) {
  uint64_t request = 0;
  {
    const std::lock_guard lock(asking_);
    if (coordinator_ == nullptr) return Ending();
    request = coordinator_->NewRequest();
  }
  // What was not ordered this time may be from a time before.
  bool unknown = false;
  while (true) {
    const absl::Status status = ProposeOnce(request, change);
    unknown = unknown || absl::IsDeadlineExceeded(status);
    const bool open = absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
    if (!open) return status;
    if (given_up()) {
      return unknown ? absl::DeadlineExceededError("the cluster has not answered") : status;
    }
    std::this_thread::sleep_for(kRetry);
  }
}

absl::Status ClusterMember::AwaitBarrier() {
  const auto told = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> outcome = told->get_future();
  {
    const std::lock_guard lock(asking_);
    if (coordinator_ == nullptr) return Ending();
    coordinator_->Barrier(kAskAgainMs, [this, told](const absl::Status& status) {
      if (status.ok()) OnTopology(coordinator_->topology());
      told->set_value(status);
    });
  }
  return outcome.get();
}

void ClusterMember::Meet(std::string host, uint16_t, uint16_t bus_port,
                         cluster::ProposalDone done) {
  const std::lock_guard lock(asking_);
  if (coordinator_ == nullptr) return done(Ending());
  coordinator_->Meet(host, bus_port, std::move(done));
}

void ClusterMember::Reset(bool hard, cluster::ProposalDone done) {
  using Part = cluster::Role::Part;
  const Part part = life().role.part;
  const std::lock_guard lock(asking_);
  if (coordinator_ == nullptr) return done(Ending());
  if (part != Part::kFollows && part != Part::kWaits) {
    return coordinator_->Reset(hard, std::move(done));
  }
  coordinator_->Reset(hard, [this, done = std::move(done)](const absl::Status& status) {
    if (!status.ok()) return done(status);
    CallUnlessStopped([this, done] { EmptyThen(kEmptyTries, done); });
  });
}

// A follower's data was its group's: with it the node could not follow another.
void ClusterMember::EmptyThen(int tries, cluster::ProposalDone done) {
  if (tries == 0) LogWarning("What this node had as a follower is still there after its reset");
  if (tries == 0 || parts_.empty == nullptr || parts_.empty([this] { return Stopped(); })) {
    return done(absl::OkStatus());
  }
  std::this_thread::sleep_for(kTryAgain);
  CallUnlessStopped([this, tries, done] { EmptyThen(tries - 1, done); });
}

void ClusterMember::CallUnlessStopped(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) courier_->Call(std::move(errand));
}

bool ClusterMember::Stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void ClusterMember::Failover(cluster::FailoverMode mode, cluster::ProposalDone done) {
  using Kind = cluster::NodeLife::Failover;
  const Kind kind = mode == cluster::FailoverMode::kPlain   ? Kind::kGraceful
                    : mode == cluster::FailoverMode::kForce ? Kind::kForce
                                                            : Kind::kTakeover;
  if (kind == Kind::kForce) return Force(kForceTries, std::move(done));
  const std::shared_ptr<cluster::NodeLife> life = LifeNow();
  if (life == nullptr) return done(Ending());
  life->FailOver(kind, kFailoverMs, std::move(done));
}

// A follower whose link has just come up is in sync only a moment later.
void ClusterMember::Force(int tries, cluster::ProposalDone done) {
  const std::shared_ptr<cluster::NodeLife> life = LifeNow();
  if (life == nullptr) return done(Ending());
  life->FailOver(cluster::NodeLife::Failover::kForce, kFailoverMs,
                 [this, tries, done = std::move(done)](const absl::Status& status) {
                   if (!absl::IsFailedPrecondition(status) || tries == 0) return done(status);
                   CallUnlessStopped([this, tries, done] {
                     std::this_thread::sleep_for(kTryAgain);
                     Force(tries - 1, done);
                   });
                 });
}

absl::Status ClusterMember::HandOver(int64_t timeout_ms) {
  const std::shared_ptr<cluster::NodeLife> life = LifeNow();
  if (life == nullptr) return Ending();
  auto told = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> outcome = told->get_future();
  life->HandOver(NodeId(), timeout_ms,
                 [told](const absl::Status& status) { told->set_value(status); });
  return outcome.get();
}

void ClusterMember::PassLead(const NodeId& to, int64_t timeout_ms, cluster::ProposalDone done) {
  const std::shared_ptr<cluster::NodeLife> life = LifeNow();
  if (life == nullptr) return done(Ending());
  life->PassLead(to, timeout_ms, std::move(done));
}

cluster::LifeFacts ClusterMember::life() const {
  const std::shared_ptr<cluster::NodeLife> life = LifeNow();
  return life == nullptr ? cluster::LifeFacts{} : life->facts();
}

void ClusterMember::SetNodeTimeout(int64_t timeout_ms) {
  node_timeout_ms_.store(timeout_ms);
  state_->SetNodeTimeout(timeout_ms);
  if (const auto life = LifeNow()) life->SetNodeTimeout(timeout_ms);
}

bool ClusterMember::InTouch() const {
  using Part = cluster::Role::Part;
  const std::shared_ptr<cluster::NodeLife> life = LifeNow();
  if (life == nullptr || !life->InTouch()) return false;
  const cluster::LifeFacts facts = life->facts();
  const int64_t now = SystemClock().MonotonicMicros();
  const std::lock_guard lock(mutex_);
  if (!settled_) return false;
  if (facts.role.part != Part::kLeads) {
    followed_ = followed_ || facts.role.part == Part::kFollows;
    return facts.role.part != Part::kNone;
  }
  if (led_epoch_ != facts.role.epoch) {
    led_epoch_ = facts.role.epoch;
    leads_since_ = now;
  }
  return facts.lease_until > now || (followed_ && now - leads_since_ < kFirstLeaseMicros);
}

std::shared_ptr<cluster::NodeLife> ClusterMember::LifeNow() const {
  const std::lock_guard lock(mutex_);
  return life_;
}

}  // namespace henge::server
