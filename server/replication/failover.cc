// SPDX-License-Identifier: Apache-2.0
#include "server/replication/failover.h"

#include <algorithm>
#include <limits>

#include "base/clock.h"
#include "base/log.h"
#include "server/node.h"

namespace henge::server {
namespace {

using Request = commands::ReplicationService::FailoverRequest;
using Follower = Replication::FollowerReport;

bool IsOnline(const Follower& follower) {
  return follower.state == FollowerFeed::State::kOnline && !follower.plain;
}

bool IsMeant(const Follower& follower, const Request& request) {
  return request.host.empty() ||
         (follower.address == request.host && follower.port == request.port);
}

}  // namespace

std::string Failover::Check(const Request& request) const {
  if (state() != State::kNone) return "ERR FAILOVER already in progress.";
  const Replication::Report report = node_.replication().report();
  if (report.follows) return "ERR FAILOVER is not valid when server is a replica.";
  if (report.followers.empty()) return "ERR FAILOVER requires connected replicas.";
  if (request.force && (request.timeout_ms == 0 || request.host.empty())) {
    return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
  }
  if (request.host.empty()) return {};
  const auto found =
      std::find_if(report.followers.begin(), report.followers.end(),
                   [&](const Follower& follower) { return IsMeant(follower, request); });
  if (found == report.followers.end()) return "ERR FAILOVER target HOST and PORT is not a replica.";
  return IsOnline(*found) ? "" : "ERR FAILOVER target replica is not online.";
}

std::string Failover::Begin(const Request& request) {
  const std::lock_guard lock(mu_);
  if (std::string error = Check(request); !error.empty()) return error;
  request_ = request;
  deadline_ = request.timeout_ms == 0 ? 0 : SystemClock().NowMillis() + request.timeout_ms;
  LogNotice("FAILOVER requested",
            {{"host", request.host}, {"port", request.port}, {"timeout_ms", request.timeout_ms}});
  node_.services().clients().Pause(commands::ClientsService::PauseMode::kWrite,
                                   std::numeric_limits<UnixMillis>::max());
  busy_ = std::make_shared<std::atomic<int>>(static_cast<int>(node_.workers().size()));
  for (const auto& worker : node_.workers()) {
    worker->Post([busy = busy_] { busy->fetch_sub(1); });
  }
  state_.store(State::kWaiting);
  node_.replication().acknowledgements().AskNow();
  return {};
}

std::string Failover::Abort() {
  const std::lock_guard lock(mu_);
  if (state() == State::kNone) return "ERR No failover in progress.";
  LogNotice("Failover aborted: it was asked for");
  if (state() == State::kInProgress) LeadAgain();
  End();
  return {};
}

void Failover::Tick(UnixMillis now) {
  if (state() != State::kWaiting) return;
  const std::lock_guard lock(mu_);
  if (state() != State::kWaiting || busy_->load() > 0) return;
  const Replication::Report report = node_.replication().report();
  for (const Follower& follower : report.followers) {
    const bool ready = IsOnline(follower) && IsMeant(follower, request_);
    if (!ready || follower.offset != report.offset) continue;
    if (Proceed(follower.address, follower.port, /*force=*/false)) return;
  }
  if (deadline_ != 0 && now >= deadline_) {
    if (request_.force) {
      LogWarning("Failover time out exceeded, failing over.", {{"to", request_.host}});
      Proceed(request_.host, request_.port, /*force=*/true);
    } else {
      LogWarning("Failover aborted: no replica had everything in time");
      End();
    }
    return;
  }
  node_.replication().acknowledgements().AskNow();
}

bool Failover::Proceed(const std::string& host, int port, bool force) {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  if (!node_.replication().FollowAfterFailover(host, port, force)) return false;
  state_.store(State::kInProgress);
  return true;
}

void Failover::OnAccepted() {
  const std::lock_guard lock(mu_);
  if (state() != State::kInProgress) return;
  LogNotice("Failover completed");
  End();
}

void Failover::OnRefused(std::string_view why) {
  const std::lock_guard lock(mu_);
  if (state() != State::kInProgress) return;
  LogWarning("Failover target rejected psync request", {{"why", why}});
  LeadAgain();
  End();
}

void Failover::LeadAgain() {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  node_.replication().FollowNobody();
}

void Failover::End() {
  state_.store(State::kNone);
  node_.services().clients().Unpause();
}

}  // namespace henge::server
