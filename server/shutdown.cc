// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <latch>
#include <limits>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/observability/log_output.h"
#include "server/session.h"

namespace henge::server {
namespace {

constexpr std::chrono::milliseconds kPausedCheck{100};
constexpr std::chrono::milliseconds kFollowersCheck{10};

// How many followers of groups that it leads may lead them, and how many could do so now.
struct Successors {
  size_t some = 0;
  size_t ready = 0;
};

Successors SuccessorsOf(const cluster::ClusterView& view) {
  const cluster::TopologyPtr topology = view.topology();
  Successors found;
  for (const cluster::Group& group : topology->groups()) {
    if (group.leader != view.my_id()) continue;
    for (const cluster::NodeId& follower : group.followers) {
      const cluster::Node* node = topology->Find(follower);
      if (node == nullptr || node->no_failover) continue;
      ++found.some;
      if (group.IsInSync(follower) && !node->failed) ++found.ready;
    }
  }
  return found;
}

bool LeadsFollowers(const cluster::ClusterView& view) { return SuccessorsOf(view).some > 0; }

// Whether it leads followers, of whom none could lead instead.
bool LeadsAlone(const cluster::ClusterView& view) {
  const Successors successors = SuccessorsOf(view);
  return successors.some > 0 && successors.ready == 0;
}

}  // namespace

bool Shutdown::Request(ShutdownRequest request) {
  const std::lock_guard lock(mu_);
  if (request.client) clients_.push_back(*request.client);
  if (request_) return false;
  request_ = std::move(request);
  under_way_.store(true);
  changed_.notify_all();
  return true;
}

bool Shutdown::Abort() {
  const std::lock_guard lock(mu_);
  if (!request_ || request_->exit_code != 0 || decided_) return false;
  LogNotice("Shutdown manually aborted.");
  aborted_ = true;
  node_.saver().CancelAll();
  changed_.notify_all();
  return true;
}

void Shutdown::Insist() {
  LogWarning("You insist... exiting now.");
  unlink(node_.saver().TemporaryName().c_str());
  FlushLog();
  _exit(1);
}

ShutdownRequest Shutdown::Next() {
  std::unique_lock lock(mu_);
  while (true) {
    changed_.wait(lock, [this] { return request_.has_value(); });
    // A signal is looked at by what runs at intervals, which a test may have stopped.
    const bool paused = request_->by_signal && node_.debug().pause_cron.load();
    if (!paused || aborted_) return *request_;
    changed_.wait_for(lock, kPausedCheck);
  }
}

int Shutdown::Wait() {
  while (true) {
    const ShutdownRequest request = Next();
    if (request.exit_code == 0) {
      LogNotice("User requested shutdown...", {{"reason", request.reason}});
    }
    const bool prepared = !aborted() && Prepare(request);
    {
      const std::lock_guard lock(mu_);
      decided_ = prepared && !aborted_;
      if (decided_) return request.exit_code;
    }
    GoOn();
  }
}

bool Shutdown::aborted() {
  const std::lock_guard lock(mu_);
  return aborted_;
}

void Shutdown::GoOn() {
  node_.services().clients().Unpause();
  std::vector<ClientId> clients;
  {
    const std::lock_guard lock(mu_);
    request_.reset();
    aborted_ = false;
    under_way_.store(false);
    clients.swap(clients_);
  }
  for (const ClientId client : clients) {
    node_.clients().RunOn(client, [](Session& session) { session.Unblock(false); });
  }
}

bool Shutdown::Prepare(const ShutdownRequest& request) {
  if (request.exit_code != 0) return true;
  const bool force = (request.wishes & kShutdownForce) != 0;
  if (!MayLeaveAppendOnlyFile(force)) return false;
  node_.saver().CancelAll();  // What it holds is older than what is saved now.
  if ((request.wishes & kShutdownNow) == 0) {
    HandOver();
    AwaitFollowers();
  }
  const bool asked = (request.wishes & kShutdownSave) != 0;
  const bool usual = node_.saver().has_save_points() && (request.wishes & kShutdownNoSave) == 0;
  if (node_.loader().loading() || !(asked || usual)) return true;
  if (Save()) return true;
  if (aborted()) return false;
  LogWarning(force ? "Error trying to save the DB. Exit anyway."
                   : "Error trying to save the DB, can't exit.");
  return force;
}

// While its first base is being written the append-only file would come back without the data.
bool Shutdown::MayLeaveAppendOnlyFile(bool force) {
  if (!node_.journaling().is_beginning()) return true;
  LogWarning(force ? "Writing initial AOF. Exit anyway." : "Writing initial AOF, can't exit.");
  return force;
}

// In a cluster one of them leads from then on, rather than when this node was found to be silent.
void Shutdown::HandOver() {
  if (node_.member() == nullptr || node_.replication().followers() == 0) return;
  const int64_t patience_ms = node_.parameters().shutdown_timeout.load() * 1000;
  const Clock::time_point until = Clock::now() + std::chrono::milliseconds(patience_ms);
  AwaitFollowerInSync(until);
  // Not now: who hands over may not have heard yet that one is in sync, or how far it is.
  const std::chrono::milliseconds timeout(node_.parameters().cluster_node_timeout.load());
  const Clock::time_point heard = std::min(until, Clock::now() + timeout);
  absl::Status status = absl::OkStatus();
  do {
    status = node_.member()->HandOver(patience_ms);
    if (status.ok()) return LogNotice("A follower leads instead of this node");
  } while (absl::IsFailedPrecondition(status) && LeadsFollowers(node_.member()->view()) &&
           MayWait(heard));
  LogWarning("No follower leads instead of this node", {{"why", Std(status.message())}});
}

// One that joined a moment ago is about to be.
void Shutdown::AwaitFollowerInSync(Clock::time_point until) {
  while (LeadsAlone(node_.member()->view()) && MayWait(until)) {
  }
}

// For a follower; a moment passes.
bool Shutdown::MayWait(Clock::time_point until) {
  if (node_.replication().followers() == 0 || aborted() || Clock::now() >= until) return false;
  std::this_thread::sleep_for(kFollowersCheck);
  return true;
}

// What they lack when the server ends would be lost to them, or cost them a full copy.
void Shutdown::AwaitFollowers() {
  Replication& replication = node_.replication();
  if (replication.follows() || replication.all_caught_up()) return;
  HoldClients();
  replication.acknowledgements().AskNow();
  const auto patience = std::chrono::seconds(node_.parameters().shutdown_timeout.load());
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!replication.all_caught_up() && !aborted()) {
    if (std::chrono::steady_clock::now() >= until) {
      LogWarning("Replicas lag behind, and shutdown-timeout is over");
      return;
    }
    std::this_thread::sleep_for(kFollowersCheck);
  }
}

bool Shutdown::Save() {
  HoldClients();
  LogNotice("Saving the final RDB snapshot before exiting.");
  return node_.saver().SaveAndWait([this] { return aborted(); }).ok();
}

// What is acknowledged after the snapshot would be lost.
void Shutdown::HoldClients() {
  node_.services().clients().Pause(commands::ClientsService::PauseMode::kWrite,
                                   std::numeric_limits<UnixMillis>::max());
  // Those already past the gate finish.
  std::latch passed(static_cast<std::ptrdiff_t>(node_.workers().size()));
  for (const auto& worker : node_.workers()) worker->Post([&passed] { passed.count_down(); });
  passed.wait();
}

}  // namespace henge::server
