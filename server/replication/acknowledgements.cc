// SPDX-License-Identifier: Apache-2.0
#include "server/replication/acknowledgements.h"

#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {

using persistence::CommitGate;
using persistence::CommitMark;

namespace {

constexpr std::string_view kGetAck[] = {"REPLCONF", "GETACK", "*"};

void CheckWait(Session& session) { session.CheckWait(); }

}  // namespace

Acknowledgements::Acknowledgements(Node& node) : node_(node), set_({}, 0) {
  node_.journaling().gate().Publish(CommitMark::kReplicated, CommitGate::kEverything);
}

void Acknowledgements::Acknowledge(ClientId follower, Lsn lsn, Lsn durable) {
  std::vector<ClientId> reached;
  {
    const std::lock_guard lock(mu_);
    Position& position = followers_[follower];
    position.lsn = std::max(position.lsn, lsn);
    position.durable = std::max(position.durable, durable);
    std::erase_if(waiters_, [&](const Waiter& waiter) {
      if (CountLocked(waiter.lsn, waiter.durable) < waiter.followers) return false;
      reached.push_back(waiter.client);
      return true;
    });
    const auto node = nodes_.find(follower);
    if (node != nodes_.end()) counted_.Acknowledge(node->second, lsn);
    if (insync()) {
      if (!governed_ && set_.Acknowledge(follower, lsn)) {
        LogNotice("A follower is in sync", {{"client", follower}, {"in_sync", set_.size()}});
      }
      Publish();
      // What was asked for has come, and who waits now came behind it.
      if (wanted_ > Committed() && asked_ <= lsn) Ask();
    }
  }
  for (const ClientId client : reached) node_.clients().RunOn(client, CheckWait);
}

void Acknowledgements::Leave(ClientId follower) {
  const std::lock_guard lock(mu_);
  followers_.erase(follower);
  if (const auto node = nodes_.find(follower); node != nodes_.end()) {
    counted_.Leave(node->second);
    nodes_.erase(node);
  }
  if (set_.Leave(follower)) {
    LogWarning("A follower that was in sync is gone", {{"in_sync", set_.size()}});
  }
  if (insync()) Publish();
}

bool Acknowledgements::InSync(ClientId follower) const {
  const std::lock_guard lock(mu_);
  if (!governed_) return set_.Has(follower);
  const auto node = nodes_.find(follower);
  return node != nodes_.end() && counted_.Counts(node->second);
}

size_t Acknowledgements::in_sync() const {
  const std::lock_guard lock(mu_);
  return governed_ ? counted_.size() : set_.size();
}

void Acknowledgements::Govern() {
  const std::lock_guard lock(mu_);
  governed_ = true;
}

void Acknowledgements::Name(ClientId follower, const std::string& node) {
  const std::lock_guard lock(mu_);
  std::erase_if(nodes_, [&](const auto& named) { return named.second == node; });
  counted_.Leave(node);
  nodes_[follower] = node;
}

void Acknowledgements::Count(std::span<const std::string> nodes) {
  const std::lock_guard lock(mu_);
  counted_.Count(nodes);
  if (insync()) Publish();
}

std::vector<std::string> Acknowledgements::ReviewFit() {
  std::vector<std::string> fit;
  const std::lock_guard lock(mu_);
  counted_.Review(SystemClock().NowMillis(), node_.journaling().journal().end());
  for (const auto& [follower, node] : nodes_) {
    if (counted_.Fit(node)) fit.push_back(node);
  }
  if (insync()) Publish();
  return fit;
}

void Acknowledgements::SetQuiet(bool quiet) {
  const std::lock_guard lock(mu_);
  quiet_ = quiet;
}

int64_t Acknowledgements::Count(Lsn lsn, bool durable) const {
  const std::lock_guard lock(mu_);
  return CountLocked(lsn, durable);
}

int64_t Acknowledgements::CountLocked(Lsn lsn, bool durable) const {
  return std::count_if(followers_.begin(), followers_.end(), [&](const auto& follower) {
    return (durable ? follower.second.durable : follower.second.lsn) >= lsn;
  });
}

void Acknowledgements::Await(ClientId client, Lsn lsn, const commands::WaitGoal& goal) {
  const std::lock_guard lock(mu_);
  // Those who have it on the disk may say so a little later: asked again all the same.
  if (asked_ < lsn || goal.durable) Ask();
  if (CountLocked(lsn, goal.durable) >= goal.followers) {
    node_.clients().RunOn(client, CheckWait);
  } else {
    waiters_.push_back({client, lsn, goal.followers, goal.durable});
  }
}

void Acknowledgements::Forget(ClientId client) {
  const std::lock_guard lock(mu_);
  std::erase_if(waiters_, [client](const Waiter& waiter) { return waiter.client == client; });
}

void Acknowledgements::Want(Lsn lsn) {
  const std::lock_guard lock(mu_);
  if (!insync()) return;
  wanted_ = std::max(wanted_, lsn);
  const Lsn committed = Committed();
  if (wanted_ > committed && asked_ <= committed) Ask();
}

void Acknowledgements::AskNow() {
  const std::lock_guard lock(mu_);
  Ask();
}

void Acknowledgements::Ask() {
  if (follows_ || quiet_ || followers_.empty()) return;
  if (governed_ && nodes_.size() >= followers_.size()) return;  // All speak without being asked.
  persistence::Journal& journal = node_.journaling().journal();
  asked_ = journal.AppendControl(kGetAck);
  node_.journaling().WakeReaders();
}

bool Acknowledgements::AppendControl(std::span<const std::string_view> words, bool message) {
  const std::lock_guard lock(mu_);
  if (follows_ || quiet_ || !node_.journaling().replicating()) return false;
  persistence::Journal& journal = node_.journaling().journal();
  message ? journal.AppendMessage(words) : journal.AppendControl(words);
  node_.journaling().WakeReaders();
  return true;
}

void Acknowledgements::Publish() {
  const auto least = static_cast<size_t>(node_.parameters().insync_followers_min.load());
  const bool enough = governed_ ? counted_.size() >= least : set_.enough();
  too_few_.store(insync() && !enough, std::memory_order_relaxed);
  node_.journaling().gate().Reset(CommitMark::kReplicated, Committed());
}

void Acknowledgements::ApplyParameters() {
  const Settings& settings = node_.parameters();
  const std::lock_guard lock(mu_);
  wanted_by_setting_ = settings.write_concern.load() == WriteConcern::kInsync;
  const replication::InSync::Rules rules{
      .max_lag_ms = settings.insync_max_lag.load(),
      .least = static_cast<size_t>(settings.insync_followers_min.load())};
  counted_.SetMaxLag(rules.max_lag_ms);
  const bool on = wanted_by_setting_ && !follows_;
  if (on && !insync()) {
    const Lsn end = node_.journaling().journal().end();
    set_ = replication::InSync(rules, end);
    holds_replies_.store(true);
    Publish();
    for (const auto& [follower, position] : followers_) {
      if (set_.Acknowledge(follower, position.lsn)) Publish();
    }
    Ask();
  } else if (on) {
    set_.SetRules(rules);
    Publish();
  } else if (insync()) {
    holds_replies_.store(false);
    too_few_.store(false);
    set_ = replication::InSync(rules, 0);
    // A node that follows from now on keeps back what it could not commit.
    if (!follows_)
      node_.journaling().gate().Reset(CommitMark::kReplicated, CommitGate::kEverything);
  }
}

void Acknowledgements::BeginFollowing() {
  {
    const std::lock_guard lock(mu_);
    follows_ = true;
    followers_.clear();
    waiters_.clear();
  }
  ApplyParameters();
}

void Acknowledgements::BeginLeading() {
  {
    const std::lock_guard lock(mu_);
    follows_ = false;
    counted_.Begin();
    // What a governed leader held back before it followed stays so until it is dropped.
    if (!governed_) {
      node_.journaling().gate().Reset(CommitMark::kReplicated, CommitGate::kEverything);
    }
  }
  ApplyParameters();
}

void Acknowledgements::Tick(UnixMillis now) {
  const std::lock_guard lock(mu_);
  const Lsn end = node_.journaling().journal().end();
  if (governed_) counted_.Sample(now, end);
  if (!insync()) return;
  if (const size_t left = set_.Tick(now, end); left > 0) {
    LogWarning("Followers lag behind and are no longer in sync",
               {{"followers", left}, {"in_sync", set_.size()}});
  }
  Publish();
  if (node_.shutdown().under_way()) return;  // What was saved is to be the end.
  // Also what no reply waits for is to be acknowledged in time; and a question may be lost.
  const bool behind = std::any_of(followers_.begin(), followers_.end(),
                                  [&](const auto& f) { return f.second.lsn < end; });
  if (behind) Ask();
}

}  // namespace henge::server
