// SPDX-License-Identifier: Apache-2.0
#include "server/replication/replication.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/random.h"
#include "base/strings.h"
#include "persistence/file.h"
#include "persistence/rdb/file_parser.h"
#include "server/node.h"
#include "server/replication/psync_feed.h"
#include "server/replication/stream_feed.h"
#include "server/session.h"

namespace henge::server {

using commands::ClientClass;
using commands::FollowerTraits;
using persistence::JournalReader;

namespace {

constexpr std::string_view kPing[] = {"PING"};

// An acknowledged offset as a place in the journal; one that is not there is the nearest.
Lsn LsnOf(int64_t offset, int64_t shift, Lsn end) {
  return static_cast<Lsn>(std::clamp<int64_t>(offset - shift, 0, static_cast<int64_t>(end)));
}

std::string HostOf(std::string_view address) {
  return std::string(address.substr(0, address.rfind(':')));
}

// Whether the RDB has keys, or can't be read: then who loads it will say so.
class KeySeeker final : public persistence::RdbVisitor {
 public:
  absl::Status OnFunction(std::string_view) override { return absl::OkStatus(); }
  absl::Status OnKey(const persistence::RdbKey&) override {
    found = true;
    return absl::CancelledError("that is enough");
  }
  void OnSkipped(std::string_view) override {}
  bool found = false;
};

bool HasKeys(const std::string& path) {
  const auto contents = persistence::PosixFileSystem().Read(path);
  if (!contents.ok()) return true;
  KeySeeker seeker;
  persistence::RdbFileParser parser(seeker);
  return !parser.Parse((*contents)->bytes(), /*last=*/true).ok() || seeker.found;
}

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

}  // namespace

Replication::Replication(Node& node) : node_(node), streams_(node), own_keys_(node) {}

Replication::~Replication() { Stop(); }

void Replication::Prepare() {
  node_.store().settings().keep_expired.store(!node_.parameters().replicaof.load().empty());
}

void Replication::Resume(const SavedPosition& position) {
  const bool follower = !node_.parameters().replicaof.load().empty();
  {
    const std::lock_guard lock(mu_);
    const Lsn end = node_.journaling().journal().end();
    history_.Adopt(position.history_id);
    shift_.store(position.offset - static_cast<int64_t>(end));
    history_begin_.store(end);
    // What a leader had acknowledged behind that may be lost: it goes on under another name.
    if (!follower) history_.Branch(position.offset);
    own_name_ = !follower;
    alone_since_ = SystemClock().NowMillis();
  }
  node_.journaling().SetReplicating(true);
  if (position.db < node_.store().databases()) {
    node_.dispatchers()[0]->applier().Select(position.db);
  }
  LogNotice("The data goes on in its replication history",
            {{"history", position.history_id}, {"offset", position.offset}});
}

absl::Status Replication::Start() {
  const std::string leader = node_.parameters().replicaof.load();
  const ReplicationRole role = node_.parameters().replication_role.load();
  const size_t space = leader.rfind(' ');
  const std::optional<int64_t> port =
      space == std::string::npos ? std::nullopt : ParseInt64(leader.substr(space + 1));
  if (role == ReplicationRole::kFollower && !port) {
    return absl::InvalidArgumentError(
        "replication-role is follower, but replicaof (replication.leader) names nobody");
  }
  if (role == ReplicationRole::kLeader && port) {
    return absl::InvalidArgumentError(
        "replication-role is leader, but replicaof (replication.leader) names one to follow");
  }
  if (!port) return absl::OkStatus();
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  Follow(leader.substr(0, space), static_cast<int>(*port));
  trusted_link_.store(0);
  return absl::OkStatus();
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
}

// --- As a leader
// ----------------------------------------------------------------------------------

std::string Replication::RefuseFollowers() const {
  const std::lock_guard lock(mu_);
  if (!follows() || (link_ != nullptr && link_->up())) return {};
  return "NOMASTERLINK Can't SYNC while not connected with my master";
}

void Replication::AddFollower(std::shared_ptr<FollowerFeed> feed, bool partial) {
  (partial ? partial_syncs_ : full_syncs_).fetch_add(1);
  LogNotice(
      partial ? "Partial resynchronization request accepted" : "Full resync requested by replica",
      {{"replica", feed->address()}, {"port", feed->port()}});
  const std::lock_guard lock(mu_);
  if (feeds_.empty()) pinged_at_ = SystemClock().NowMillis();  // The first is a period away.
  feeds_.push_back(std::move(feed));
  alone_since_ = 0;
}

std::string Replication::ServeFollower(commands::ClientState& client, const SyncRequest& request) {
  if (request.failover) {
    if (std::string error = LeadFromHere(request.history_id); !error.empty()) return error;
  }
  if (std::string refusal = RefuseFollowers(); !refusal.empty()) return refusal;
  const int fd = fcntl(client.fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return "ERR Unable to serve a replica now";
  const FollowerTraits& traits = client.follower;
  const std::string address = traits.address.empty() ? HostOf(client.address) : traits.address;
  auto feed = std::make_shared<PsyncFeed>(node_, client.id, fd, traits, address,
                                          /*plain=*/!request.partial);
  std::string history_id;
  std::unique_ptr<JournalReader> reader;
  if (request.partial) reader = TryPartial(request, *feed, history_id);
  client.client_class.store(ClientClass::kReplica, std::memory_order_relaxed);
  Session::Of(client).connection().HoldOutput();  // Only the feed writes from here on.
  AddFollower(feed, reader != nullptr);
  if (reader == nullptr) {
    feed->StartFull();
  } else {
    feed->StartPartial(traits.takes_psync2 ? fmt::format("+CONTINUE {}\r\n", history_id)
                                           : std::string("+CONTINUE\r\n"),
                       std::move(reader));
  }
  return {};
}

std::string Replication::InviteToStream() {
  const std::optional<StreamLeader::Invitation> invitation = streams_.Invite();
  if (!invitation) return {};
  return fmt::format("{} {}", invitation->port, invitation->token);
}

absl::Status Replication::ServeStream(const replication::StreamHello& hello,
                                      replication::FollowerStream& stream) {
  if (const std::string refusal = RefuseFollowers(); !refusal.empty()) {
    return absl::UnavailableError(refusal);
  }
  const FollowerTraits traits{
      .address = hello.address, .port = hello.port, .rdb_version = hello.rdb_version};
  const auto feed = std::make_shared<StreamFeed>(
      node_, node_.clients().NextId(), traits,
      hello.address.empty() ? HostOf(stream.peer()) : hello.address, stream);
  std::string history_id;
  const std::string_view history =
      hello.history_id.empty() ? std::string_view("?") : std::string_view(hello.history_id);
  const SyncRequest request{true, history, hello.next_offset};
  std::unique_ptr<JournalReader> reader = TryPartial(request, *feed, history_id);
  AddFollower(feed, reader != nullptr);
  absl::Status status = feed->Serve(history_id, std::move(reader));
  OnClosed(feed->id());
  LogWarning(
      "Connection with replica lost",
      {{"replica", feed->address()}, {"port", feed->port()}, {"why", Std(status.message())}});
  return status;
}

absl::Status Replication::SendSnapshot(ClientId follower,
                                       absl::FunctionRef<bool(std::string_view)> send) {
  std::shared_ptr<StreamFeed> feed;
  {
    const std::lock_guard lock(mu_);
    for (const auto& candidate : feeds_) {
      if (candidate->id() == follower) feed = std::dynamic_pointer_cast<StreamFeed>(candidate);
    }
  }
  if (feed == nullptr) return absl::NotFoundError("there is no such follower");
  return feed->SendSnapshot(send);
}

std::unique_ptr<JournalReader> Replication::TryPartial(const SyncRequest& request,
                                                       FollowerFeed& feed,
                                                       std::string& history_id) {
  std::unique_ptr<JournalReader> reader;
  {
    const std::lock_guard lock(mu_);
    const int64_t wanted = request.next_offset - 1;
    history_id = history_.id();
    if (node_.journaling().replicating() &&
        history_.Includes(request.history_id, request.next_offset, offset()) &&
        wanted >= OffsetOf(history_begin_.load())) {
      reader = feed.AttachReader(static_cast<Lsn>(wanted - shift_.load()));
    }
  }
  if (reader == nullptr && request.history_id != "?") {
    partial_refusals_.fetch_add(1);
    LogNotice("Partial resynchronization not accepted: the history differs, or is not kept so far",
              {{"asked", request.history_id}, {"offset", request.next_offset}});
  }
  return reader;
}

void Replication::Acknowledge(commands::ClientState& client, int64_t offset,
                              int64_t durable_offset) {
  Acknowledge(client.id, offset, durable_offset);
}

void Replication::Acknowledge(ClientId follower, int64_t offset, int64_t durable_offset) {
  const UnixMillis now = SystemClock().NowMillis();
  {
    const std::lock_guard lock(mu_);
    const auto feed = std::find_if(feeds_.begin(), feeds_.end(),
                                   [&](const auto& one) { return one->id() == follower; });
    if (feed == feeds_.end()) return;
    (*feed)->Acknowledge(offset, durable_offset, now);
    CountGoodFollowers(now);
    if (follows() || (*feed)->state() != FollowerFeed::State::kOnline) return;
  }
  const Lsn end = node_.journaling().journal().end();
  acknowledgements_.Acknowledge(follower, LsnOf(offset, shift_.load(), end),
                                LsnOf(durable_offset, shift_.load(), end));
}

int64_t Replication::CountFollowers(commands::ClientState& client, bool durable) {
  return acknowledgements_.Count(Session::Of(client).last_write(), durable);
}

void Replication::UnblockWhenReached(commands::ClientState& client,
                                     const commands::WaitGoal& goal) {
  Session::Of(client).UnblockWhenReached(goal);
}

void Replication::Publish(std::string_view command, std::string_view channel,
                          std::string_view message) {
  if (follows() || !node_.journaling().replicating()) return;
  const std::string_view words[] = {command, channel, message};
  acknowledgements_.AppendControl(words);
}

int64_t Replication::KillLinks(bool leader) {
  const std::lock_guard lock(mu_);
  if (leader) {
    if (link_ == nullptr || !link_->up()) return 0;
    link_->Break();
    return 1;
  }
  int64_t killed = 0;
  for (const auto& feed : feeds_) {
    if (dynamic_cast<StreamFeed*>(feed.get()) == nullptr) continue;  // Killed as a client.
    feed->Break();
    ++killed;
  }
  return killed;
}

std::string Replication::Failover(const FailoverRequest& request) {
  return failover_.Begin(request);
}

std::string Replication::AbortFailover() { return failover_.Abort(); }

std::string Replication::LeadFromHere(std::string_view history_id) {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  if (!follows()) return "ERR PSYNC FAILOVER can't be sent to a master.";
  {
    const std::lock_guard lock(mu_);
    if (history_id != history_.id()) return "ERR PSYNC FAILOVER replid must match my replid.";
  }
  LogNotice("The master asks this replica to take its place", {{"history", history_id}});
  FollowNobody();
  return {};
}

bool Replication::FollowAfterFailover(const std::string& host, int port, bool force) {
  const std::lock_guard lock(mu_);
  const bool ready = std::any_of(feeds_.begin(), feeds_.end(), [&](const auto& feed) {
    return feed->address() == host && feed->port() == port && feed->acknowledged() == offset();
  });
  if (follows() || stopped_ || !(ready || force)) return false;
  BeginFollowing(host, port, /*failover=*/true);
  return true;
}

bool Replication::all_caught_up() const {
  const std::lock_guard lock(mu_);
  return std::all_of(feeds_.begin(), feeds_.end(), [&](const auto& feed) {
    return feed->state() != FollowerFeed::State::kOnline || feed->plain() ||
           feed->acknowledged() == offset();
  });
}

void Replication::OnClosed(ClientId id) {
  acknowledgements_.Leave(id);
  const std::lock_guard lock(mu_);
  const auto at = std::find_if(feeds_.begin(), feeds_.end(),
                               [id](const auto& feed) { return feed->id() == id; });
  if (at == feeds_.end()) return;
  (*at)->Stop();
  old_feeds_.push_back(std::move(*at));
  feeds_.erase(at);
  if (feeds_.empty()) alone_since_ = SystemClock().NowMillis();
}

std::shared_ptr<SyncSource> Replication::Source(int rdb_version) {
  const std::lock_guard lock(mu_);
  const bool usable = source_ != nullptr && source_->rdb_version() <= rdb_version &&
                      (source_->state() == SyncSource::State::kWaiting ||
                       source_->state() == SyncSource::State::kWriting);
  if (!usable) {
    source_ = std::make_shared<SyncSource>(node_, rdb_version);
    source_begun_ = false;
    BeginSource();
  }
  return source_;
}

// As soon as no other snapshot is under way. REQUIRES: the mutex.
void Replication::BeginSource() {
  if (source_ == nullptr || source_begun_ || stopped_) return;
  source_begun_ = node_.saver().StartOther([source = source_] { source->Run(); });
}

void Replication::DropSource(const std::shared_ptr<SyncSource>& source) {
  const std::lock_guard lock(mu_);
  if (source_ == source) source_ = nullptr;
}

std::unique_ptr<JournalReader> Replication::BeginSync(SyncSource::Position& position) {
  if (!node_.journaling().replicating()) {
    history_begin_.store(node_.journaling().journal().end());
    node_.journaling().SetReplicating(true);
  }
  auto holder = node_.journaling().journal().AttachAtEnd({.hold_bytes = ~uint64_t{0}});
  const std::lock_guard lock(mu_);
  position = {history_.id(), OffsetOf(holder->cursor()), holder->cursor()};
  return holder;
}

std::vector<std::pair<std::string, std::string>> Replication::PositionFields() {
  if (!node_.journaling().replicating()) return {};
  // Who goes on from a leader's file is told the database.
  if (!follows()) node_.journaling().journal().Cut();
  const DbIndex db = follows() ? node_.dispatchers()[0]->applier().db() : 0;
  const std::lock_guard lock(mu_);
  return {{"repl-stream-db", std::to_string(db)},
          {"repl-id", history_.id()},
          {"repl-offset", std::to_string(offset())}};
}

// --- The role
// -------------------------------------------------------------------------------------

bool Replication::Follow(std::string_view host, int port) {
  const std::lock_guard lock(mu_);
  if (link_ != nullptr && link_->host() == host && link_->port() == port) return false;
  if (stopped_) return true;
  BeginFollowing(host, port, /*failover=*/false);
  trusted_link_.store(link_number_.load());
  return true;
}

void Replication::BeginFollowing(std::string_view host, int port, bool failover) {
  StopLink();
  if (!follows()) EndWaits();
  const uint64_t number = link_number_.load() + 1;
  link_ = std::make_shared<LeaderLink>(node_, number, std::string(host), port, failover);
  link_number_.store(number);
  trusted_link_.store(0);
  follows_.store(true);
  acknowledgements_.BeginFollowing();
  node_.store().settings().keep_expired.store(true);
  UpdateRefusals();
  LogNotice("Following a master", {{"host", host}, {"port", port}});
  link_->Start();
}

void Replication::FollowNobody() {
  const std::lock_guard lock(mu_);
  if (!follows()) return;
  StopLink();
  link_number_.fetch_add(1);
  node_.journaling().journal().Cut();
  history_.Branch(offset());
  DropFollowers();  // They ask again, and hear the new name.
  follows_.store(false);
  own_keys_.Clear();
  acknowledgements_.BeginLeading();
  node_.store().settings().keep_expired.store(false);
  UpdateRefusals();
  LogNotice("MASTER MODE enabled", {{"history", history_.id()}, {"offset", offset()}});
}

// What clients wait for here may never come: whoever leads serves those who wait there. Nor can it
// be told whether what was not committed will be there.
void Replication::EndWaits() {
  std::vector<std::pair<ClientId, std::shared_ptr<BlockedCall>>> waiting;
  node_.clients().ForEach(
      [&](Session& session) { waiting.emplace_back(session.state().id, session.blocked_call()); });
  for (const auto& [id, call] : waiting) {
    const bool ends = call == nullptr || call->End();
    node_.clients().RunOn(id, [call = call, ends](Session& session) {
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
  refuses_writes_.store(follows() && settings.replica_read_only.load());
  refuses_reads_.store(follows() && !settings.replica_serve_stale_data.load() &&
                       (link_ == nullptr || !link_->up()));
  node_.store().settings().leave_eviction.store(follows() &&
                                                settings.replica_ignore_maxmemory.load());
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
}

commands::RoleReport Replication::Role() {
  commands::RoleReport role;
  const std::lock_guard lock(mu_);
  role.follows = follows();
  role.offset = offset();
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

// --- As a follower
// --------------------------------------------------------------------------------

void Replication::Introduce(replication::FollowerIntroduction& me) {
  if (!node_.journaling().replicating()) return;
  const std::lock_guard lock(mu_);
  // What goes on under another name since nothing more was written has the old name, too.
  const bool as_before = own_name_ && history_.second_offset() == offset() + 1;
  me.history_id = as_before ? history_.second_id() : history_.id();
  me.next_offset = offset() + 1;
}

void Replication::Journal(std::string_view bytes, persistence::RecordTag tag) {
  node_.journaling().journal().AppendEncoded(bytes, tag);
}

bool Replication::WouldEmpty(uint64_t link, const std::string& path,
                             std::string_view history_id) const {
  if (trusted_link_.load() == link || node_.parameters().allow_empty_leader.load()) return false;
  {
    const std::lock_guard lock(mu_);
    if (history_id == history_.id() || history_id == history_.second_id()) return false;
  }
  uint64_t keys = 0;
  for (DbIndex db = 0; db < node_.store().databases(); ++db) keys += node_.store().KeyCount(db);
  return keys > 0 && !HasKeys(path);
}

absl::Status Replication::Load(uint64_t link, const std::string& path, std::string_view history_id,
                               int64_t offset) {
  const std::lock_guard only_one(load_mu_);
  const absl::Status stale = absl::CancelledError("it is not followed any more");
  if (!IsCurrent(link)) return stale;
  if (WouldEmpty(link, path, history_id)) {
    return absl::FailedPreconditionError(
        "the leader has no data and a history that is not this one's: it is not followed, as all "
        "would be lost here (allow-empty-leader yes, or REPLICAOF by hand, would)");
  }
  const bool append_only = node_.journaling().enabled();
  if (append_only) {
    node_.journaling().TurnOff();
    node_.journaling().WaitUntilOff();
  }
  const auto loaded = node_.loader().Replace(path);
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    const std::lock_guard lock(mu_);
    const bool current = loaded.ok() && IsCurrent(link);
    const Lsn end = node_.journaling().journal().Cut();
    // Without the data, or with a part, this is no history that anybody knows.
    own_name_ = false;
    history_.Adopt(current ? std::string(history_id) : RandomHex(replication::History::kIdDigits));
    if (current) shift_.store(offset - static_cast<int64_t>(end));
    history_begin_.store(end);
    node_.journaling().SetReplicating(current);
    DropFollowers();
    DbIndex db = 0;
    if (loaded.ok()) {
      for (const auto& [name, value] : loaded->aux) {
        if (name != "repl-stream-db") continue;
        const auto number = ParseInt64(value);
        if (number && *number >= 0 && *number < node_.store().databases()) {
          db = static_cast<DbIndex>(*number);
        }
      }
    }
    node_.dispatchers()[0]->applier().Select(db);
  }
  node_.loader().EndReplacing();
  if (append_only) {
    if (const absl::Status status = node_.journaling().TurnOn(); !status.ok()) {
      LogWarning("The append-only file can't be begun anew", {{"error", Std(status.message())}});
    }
  }
  if (!loaded.ok()) return loaded.status();
  uint64_t trusted = link;
  trusted_link_.compare_exchange_strong(trusted, 0);
  return IsCurrent(link) ? absl::OkStatus() : stale;
}

bool Replication::Continue(uint64_t link, std::string_view history_id) {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  const std::lock_guard lock(mu_);
  if (!IsCurrent(link)) return false;
  uint64_t trusted = link;
  trusted_link_.compare_exchange_strong(trusted, 0);
  own_name_ = false;
  if (history_id != history_.id()) {
    history_.Rename(history_id, offset());
    DropFollowers();  // They ask again, and hear the new name.
  }
  return true;
}

std::pair<int64_t, int64_t> Replication::AppliedOffsets() const {
  const int64_t applied = offset();
  if (!node_.journaling().enabled()) return {applied, -1};
  const Lsn durable = node_.journaling().gate().at(persistence::CommitMark::kDurable);
  return {applied, durable == persistence::CommitGate::kEverything
                       ? applied
                       : std::min(applied, OffsetOf(durable))};
}

void Replication::NoteRefused(const absl::Status& status) {
  if (refused_.fetch_add(1) < 10) {
    LogWarning(
        "== CRITICAL == This replica is sending an error to its master: a command of the "
        "stream was refused",
        {{"error", Std(status.message())}});
  }
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
    const int64_t timeout_ms = settings.repl_timeout.load() * 1000;
    for (const auto& feed : feeds_) {
      const bool online = feed->state() == FollowerFeed::State::kOnline && !feed->plain();
      if (online && now - feed->heard_at() > timeout_ms) {
        LogWarning("Disconnecting timedout replica",
                   {{"replica", feed->address()}, {"port", feed->port()}});
        feed->Break();
      }
    }
    const int64_t period_ms = settings.repl_ping_replica_period.load() * 1000;
    const bool quiet = failover_.state() != Failover::State::kNone || node_.shutdown().under_way();
    if (!feeds_.empty() && !follows() && !quiet && now - pinged_at_ >= period_ms) {
      pinged_at_ = now;
      ping = node_.journaling().replicating();
    }
    const int64_t ttl_ms = settings.repl_backlog_ttl.load() * 1000;
    forget = feeds_.empty() && !follows() && node_.journaling().replicating() && ttl_ms > 0 &&
             alone_since_ != 0 && now - alone_since_ > ttl_ms;
  }
  if (ping) acknowledgements_.AppendControl(kPing);
  acknowledgements_.Tick(now);
  failover_.Tick(now);
  TellLag();
  if (forget) ForgetBacklog();
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
  if (!wanted && !kept) node_.saver().CancelAll();
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
  report.follows = follows();
  report.history_id = history_.id();
  report.second_id = history_.second_id();
  report.second_offset = history_.second_offset();
  report.offset = offset();
  report.backlog = node_.journaling().replicating();
  if (report.backlog) {
    const Lsn begin = std::max(node_.journaling().journal().begin(), history_begin_.load());
    report.backlog_begin = OffsetOf(begin) + 1;
    report.backlog_bytes = report.offset - OffsetOf(begin);
  }
  for (const auto& feed : feeds_) {
    report.followers.push_back({feed->id(), feed->address(), feed->port(), feed->state(),
                                feed->acknowledged(), (now - feed->heard_at()) / 1000,
                                feed->plain(), acknowledgements_.InSync(feed->id())});
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
