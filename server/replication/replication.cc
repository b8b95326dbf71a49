// SPDX-License-Identifier: Apache-2.0
#include "server/replication/replication.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/node.h"
#include "server/session.h"

namespace henge::server {

namespace {

constexpr std::string_view kPing[] = {"PING"};

std::string_view LinkName(LinkStatus::State state) {
  switch (state) {
    case LinkStatus::State::kConnect:
      return "connect";
    case LinkStatus::State::kConnecting:
      return "connecting";
    case LinkStatus::State::kHandshake:
      return "handshake";
    case LinkStatus::State::kSync:
      return "sync";
    default:
      return "connected";
  }
}

// Host and port of whom the configuration says to follow.
std::optional<std::pair<std::string, int>> LeaderOf(const Settings& settings) {
  const std::string leader = settings.replicaof.load();
  const size_t space = leader.rfind(' ');
  if (space == std::string::npos) return std::nullopt;
  const std::optional<int64_t> port = ParseInt64(leader.substr(space + 1));
  if (!port) return std::nullopt;
  return std::pair(leader.substr(0, space), static_cast<int>(*port));
}

}  // namespace

Replication::Replication(Node& node) : node_(node), streams_(node), own_keys_(node), lanes_(node) {}

Replication::~Replication() { Stop(); }

absl::Status Replication::Prepare() {
  const bool follower = LeaderOf(node_.parameters()).has_value();
  if (follower && node_.options().in_group) {
    return absl::InvalidArgumentError("replicaof directive not allowed in cluster mode");
  }
  const ReplicationRole role = node_.parameters().replication_role.load();
  if (role == ReplicationRole::kFollower && !follower) {
    return absl::InvalidArgumentError(
        "replication-role is follower, but replicaof (replication.leader) names nobody");
  }
  if (role == ReplicationRole::kLeader && follower) {
    return absl::InvalidArgumentError(
        "replication-role is leader, but replicaof (replication.leader) names one to follow");
  }
  node_.store().settings().keep_expired.store(follower || governed());
  return absl::OkStatus();
}

void Replication::Resume(const SavedPosition& position,
                         std::span<const persistence::ExpiredKey> expired) {
  const bool follower = !node_.parameters().replicaof.load().empty();
  {
    const std::lock_guard lock(mu_);
    const Lsn end = node_.journaling().journal().end();
    history_.Adopt(position.history_id);
    shift_.store(position.offset - static_cast<int64_t>(end));
    history_begin_.store(end);
    // What a leader had acknowledged behind that may be lost: it goes on under another name.
    if (!follower) history_.Branch(position.offset);
    own_name_ = unique_name_ = !follower;
    epoch_.store(position.epoch);
    data_epoch_.store(position.epoch);
    LearnEpoch(position.epoch);
    alone_since_ = SystemClock().NowMillis();
  }
  node_.journaling().SetReplicating(true);
  spill_.Wake();
  if (position.db < node_.store().databases()) {
    stream_db_.store(position.db);
  }
  LogNotice("The data goes on in its replication history",
            {{"history", position.history_id}, {"offset", position.offset}});
  if (!follower && !governed()) JournalExpired(expired);
}

void Replication::JournalExpired(std::span<const persistence::ExpiredKey> keys) {
  store::Unheard unheard;
  for (const persistence::ExpiredKey& key : keys) {
    const store::Key name = store::Key::Of(key.name);
    store::LockSet locks(node_.store());
    locks.Add(name.slot);
    locks.Lock();
    if (store::Keyspace(node_.store(), locks, unheard, key.db, 0).Exists(name)) continue;
    const std::string_view words[] = {"DEL", key.name};
    const persistence::Effect effect{key.db, words};
    node_.journaling().journal().Append({&effect, 1}, name.slot);
  }
  node_.journaling().WakeReaders();
}

void Replication::Start() {
  const auto leader = LeaderOf(node_.parameters());
  if (!leader) return;
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  Follow(leader->first, leader->second);
  trusted_link_.store(0);
}

void Replication::Stop() {
  link_number_.store(0);
  std::vector<std::shared_ptr<LeaderLink>> links;
  std::vector<std::shared_ptr<FollowerFeed>> feeds;
  {
    const std::lock_guard lock(mu_);
    stopped_ = true;
    if (link_ != nullptr) old_links_.push_back(std::exchange(link_, nullptr));
    links.swap(old_links_);
    feeds.swap(old_feeds_);
    feeds.insert(feeds.end(), feeds_.begin(), feeds_.end());
    feeds_.clear();
  }
  for (const auto& link : links) link->Stop();
  for (const auto& feed : feeds) feed->Stop();
  streams_.Stop();
  spill_.Stop();
}

// --- The role
// -------------------------------------------------------------------------------------

bool Replication::Follow(std::string_view host, int port) {
  const std::lock_guard lock(mu_);
  if (link_ != nullptr && link_->host() == host && link_->port() == port) return false;
  if (stopped_) return true;
  BeginFollowing(host, port, {});
  trusted_link_.store(link_number_.load());
  return true;
}

void Replication::BeginFollowing(std::string_view host, int port, const LeaderLink::Terms& terms) {
  StopLink();
  if (!follows()) EndWaits();
  const uint64_t number = link_number_.load() + 1;
  link_ = std::make_shared<LeaderLink>(node_, number, std::string(host), port, terms);
  link_number_.store(number);
  trusted_link_.store(0);
  follows_.store(true);
  acknowledgements_.BeginFollowing();
  node_.store().settings().keep_expired.store(true);
  UpdateRefusals();
  if (!governed()) node_.config().NoteLeader(fmt::format("{} {}", host, port));
  LogNotice("Following a master", {{"host", host}, {"port", port}});
  link_->Start();
}

void Replication::FollowNobody() {
  const std::lock_guard lock(mu_);
  if (!follows() || governed()) return;
  StopLink();
  link_number_.fetch_add(1);
  node_.journaling().journal().Cut();
  history_.Branch(offset());
  unique_name_ = true;
  DropFollowers();  // They ask again, and hear the new name.
  follows_.store(false);
  own_keys_.Clear();
  acknowledgements_.BeginLeading();
  node_.store().settings().keep_expired.store(false);
  UpdateRefusals();
  node_.config().NoteLeader({});
  LogNotice("MASTER MODE enabled", {{"history", history_.id()}, {"offset", offset()}});
}

// What clients wait for here may never come: whoever leads serves those who wait there. Nor can it
// be told whether what was not committed will be there.
void Replication::EndWaits() {
  std::vector<std::pair<ClientId, std::shared_ptr<BlockedCall>>> waiting;
  node_.clients().ForEach(
      [&](Session& session) { waiting.emplace_back(session.state().id, session.blocked_call()); });
  for (const auto& [id, waits_for] : waiting) {
    const bool ends = waits_for == nullptr || waits_for->End();
    node_.clients().RunOn(id, [call = waits_for, ends](Session& session) {
      if (ends) session.EndForNewRole(call);
      session.DropUncommitted();
    });
  }
}

// REQUIRES: the mutex, as the rest.
void Replication::StopLink() {
  if (link_ == nullptr) return;
  link_->Stop();
  old_links_.push_back(std::exchange(link_, nullptr));
}

void Replication::DropFollowers() {
  for (const auto& feed : feeds_) feed->Break();
}

void Replication::UpdateRefusals() {
  const Settings& settings = node_.parameters();
  const bool still = IsStill();
  refuses_writes_.store(governed() ? part() != GroupPart::kLeads
                                   : follows() && settings.replica_read_only.load());
  refuses_reads_.store(follows() && !settings.replica_serve_stale_data.load() &&
                       (link_ == nullptr || !link_->up()));
  node_.store().settings().leave_eviction.store(
      still || (follows() && settings.replica_ignore_maxmemory.load()));
  if (governed()) node_.store().settings().keep_expired.store(still);
}

// Good ones are online and were heard of lately.
void Replication::CountGoodFollowers(UnixMillis now) {
  const Settings& settings = node_.parameters();
  const int64_t wanted = settings.min_replicas_to_write.load();
  const int64_t lag_ms = settings.min_replicas_max_lag.load() * 1000;
  const auto good = std::count_if(feeds_.begin(), feeds_.end(), [&](const auto& feed) {
    return feed->state() == FollowerFeed::State::kOnline && now - feed->heard_at() <= lag_ms;
  });
  too_few_followers_.store(wanted > 0 && lag_ms > 0 && !follows() && good < wanted);
}

void Replication::ApplyParameters() {
  const std::lock_guard lock(mu_);
  UpdateRefusals();
  CountGoodFollowers(SystemClock().NowMillis());
  acknowledgements_.ApplyParameters();
  node_.journaling().journal().SetBacklog(
      static_cast<uint64_t>(node_.parameters().repl_backlog_size.load()));
  spill_.SetLimit(static_cast<uint64_t>(node_.parameters().repl_backlog_disk_size.load()));
}

commands::RoleReport Replication::Role() {
  commands::RoleReport role;
  const std::lock_guard lock(mu_);
  role.follows = follows() || awaits_leader();
  role.offset = offset();
  if (awaits_leader()) role.link = LinkName(LinkStatus::State::kConnect);
  if (link_ != nullptr) {
    role.leader_host = link_->host();
    role.leader_port = link_->port();
    role.link = LinkName(link_->status().state.load());
    if (!link_->up() && !node_.journaling().replicating()) {
      role.offset = -1;
    }
  }
  for (const auto& feed : feeds_) {
    if (feed->state() != FollowerFeed::State::kOnline) continue;
    role.followers.push_back({feed->address(), feed->port(), feed->acknowledged()});
  }
  return role;
}

// --- Upkeep
// ---------------------------------------------------------------------------------------

void Replication::Reap() {
  std::vector<std::shared_ptr<LeaderLink>> links;
  std::vector<std::shared_ptr<FollowerFeed>> feeds;
  {
    const std::lock_guard lock(mu_);
    const auto move_ended = [](auto& from, auto& to) {
      const auto ended = std::stable_partition(from.begin(), from.end(),
                                               [](const auto& x) { return !x->ended(); });
      std::move(ended, from.end(), std::back_inserter(to));
      from.erase(ended, from.end());
    };
    move_ended(old_links_, links);
    move_ended(old_feeds_, feeds);
  }
}

void Replication::Tick(UnixMillis now) {
  Reap();
  if (follows() && !refuses_reads()) own_keys_.Expire(now);
  const Settings& settings = node_.parameters();
  bool ping = false;
  bool forget = false;
  {
    const std::lock_guard lock(mu_);
    BeginSource();
    UpdateRefusals();
    CountGoodFollowers(now);
    CancelUnwanted();
    const bool used = source_ != nullptr && source_.use_count() > 1;
    if (!used && source_begun_) source_ = nullptr;
    if (link_ != nullptr) link_->CheckTimeout(now);
    BreakUnfit(now);
    const int64_t period_ms = settings.repl_ping_replica_period.load() * 1000;
    const bool quiet =
        failover_.state() != Failover::State::kNone || node_.shutdown().under_way() || IsStill();
    if (!feeds_.empty() && !follows() && !quiet && now - pinged_at_ >= period_ms) {
      pinged_at_ = now;
      ping = node_.journaling().replicating();
    }
    const int64_t ttl_ms = settings.repl_backlog_ttl.load() * 1000;
    forget = feeds_.empty() && !follows() && !governed() && node_.journaling().replicating() &&
             ttl_ms > 0 && alone_since_ != 0 && now - alone_since_ > ttl_ms;
  }
  if (ping) acknowledgements_.AppendControl(kPing);
  acknowledgements_.Tick(now);
  failover_.Tick(now);
  TellLag();
  if (forget) ForgetBacklog();
}

// Followers that are silent, or too far behind. REQUIRES: the mutex.
void Replication::BreakUnfit(UnixMillis now) {
  const int64_t timeout_ms = node_.parameters().repl_timeout.load() * 1000;
  const Lsn end = node_.journaling().journal().end();
  for (const auto& feed : feeds_) {
    std::string_view why;
    if (feed->IsOverLimit(end, now)) {
      why = "Client scheduled to be closed ASAP for overcoming of output buffer limits.";
    } else if (feed->IsSilent(now, timeout_ms)) {
      why = "Disconnecting timedout replica";
    } else {
      continue;
    }
    LogWarning(why, {{"replica", feed->address()}, {"port", feed->port()}});
    feed->Break();
  }
}

// A snapshot that all who asked for it have left. REQUIRES: the mutex.
void Replication::CancelUnwanted() {
  if (source_ == nullptr || !source_begun_ || source_->state() > SyncSource::State::kWriting)
    return;
  const bool wanted = std::any_of(feeds_.begin(), feeds_.end(), [](const auto& feed) {
    return feed->state() != FollowerFeed::State::kOnline;
  });
  // Redis would have written a file that is of use.
  const bool kept =
      !node_.parameters().repl_diskless_sync.load() && node_.saver().has_save_points();
  if (wanted || kept) return;
  node_.saver().CancelAll();
  source_ = nullptr;  // Nobody may join what ends without a snapshot.
  source_begun_ = false;
}

// CLIENT LIST shows as memory what followers have yet to get.
void Replication::TellLag() {
  const Report now = report();
  for (const FollowerReport& follower : now.followers) {
    const bool online = follower.state == FollowerFeed::State::kOnline && !follower.plain;
    const int64_t behind = online ? std::max<int64_t>(0, now.offset - follower.offset) : 0;
    node_.clients().Visit(follower.id, [behind](Session& session) {
      session.state().behind.store(static_cast<uint64_t>(behind), std::memory_order_relaxed);
    });
  }
}

// Nobody has asked for so long that the journal is no longer written for that; what comes then is
// another history.
void Replication::ForgetBacklog() {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  const std::lock_guard lock(mu_);
  if (!feeds_.empty() || follows() || source_ != nullptr) return;
  LogNotice("Replication backlog freed: there was no replica for repl-backlog-ttl");
  history_.Adopt(RandomHex(replication::History::kIdDigits));
  node_.journaling().SetReplicating(false);
}

// --- What it tells
// --------------------------------------------------------------------------------

int64_t Replication::offset() const { return OffsetOf(node_.journaling().journal().end()); }

size_t Replication::followers() const {
  const std::lock_guard lock(mu_);
  return feeds_.size();
}

bool Replication::writes_snapshot() const {
  const std::lock_guard lock(mu_);
  return source_ != nullptr && source_begun_ && source_->state() <= SyncSource::State::kWriting;
}

Replication::Report Replication::report() const {
  const UnixMillis now = SystemClock().NowMillis();
  Report report;
  const std::lock_guard lock(mu_);
  report.follows = follows() || awaits_leader();
  if (awaits_leader()) report.down_since = node_.started_at_us() / 1000;
  report.history_id = history_.id();
  report.second_id = history_.second_id();
  report.second_offset = history_.second_offset();
  report.offset = offset();
  report.backlog = node_.journaling().replicating();
  if (report.backlog) {
    const Lsn begin = KeptFrom();
    report.backlog_begin = OffsetOf(begin) + 1;
    report.backlog_bytes = report.offset - OffsetOf(begin);
    report.disk_limit = spill_.limit();
    report.disk_bytes = spill_.bytes();
  }
  const auto tell = [&](const FollowerFeed& feed) {
    return FollowerReport{feed.id(),
                          feed.address(),
                          feed.port(),
                          feed.state(),
                          feed.acknowledged(),
                          (now - feed.heard_at()) / 1000,
                          feed.plain(),
                          acknowledgements_.InSync(feed.id()),
                          std::string(feed.node())};
  };
  for (const auto& feed : feeds_) report.followers.push_back(tell(*feed));
  for (const auto& feed : old_feeds_) {
    if (!feed->ended()) report.leaving.push_back(tell(*feed));
  }
  if (link_ != nullptr) {
    report.leader_host = link_->host();
    report.leader_port = link_->port();
    const LinkStatus& status = link_->status();
    report.link = status.state.load();
    report.streams = status.streams.load();
    report.last_heard = status.last_heard.load();
    report.down_since = status.down_since.load();
    report.payload_bytes = status.payload_bytes.load();
    report.payload_total = status.payload_total.load();
  }
  return report;
}

}  // namespace henge::server
