// SPDX-License-Identifier: Apache-2.0
// Replication, as a leader: followers that come, go and acknowledge, and the snapshots they get.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "cluster/node_id.h"
#include "server/node.h"
#include "server/replication/psync_feed.h"
#include "server/replication/replication.h"
#include "server/replication/stream_feed.h"
#include "server/session.h"

namespace henge::server {

using commands::ClientClass;
using commands::FollowerTraits;
using persistence::JournalReader;

namespace {

// An acknowledged offset as a place in the journal; one that is not there is the nearest.
Lsn LsnOf(int64_t offset, int64_t shift, Lsn end) {
  return static_cast<Lsn>(std::clamp<int64_t>(offset - shift, 0, static_cast<int64_t>(end)));
}

std::string HostOf(std::string_view address) {
  return std::string(address.substr(0, address.rfind(':')));
}

}  // namespace

std::string Replication::RefuseFollowers() const {
  const std::lock_guard lock(mu_);
  if (governed()) {
    // Before the judge has said so it is not known whether this is what the group had.
    const bool serves = part() == GroupPart::kLeads && held() == HeldData::kLive && !stopped_;
    return serves ? "" : "NOMASTERLINK Can't SYNC while not the leader of a group";
  }
  if (!follows() || (link_ != nullptr && link_->up())) return {};
  return "NOMASTERLINK Can't SYNC while not connected with my master";
}

void Replication::AddFollower(std::shared_ptr<FollowerFeed> feed, bool partial) {
  (partial ? partial_syncs_ : full_syncs_).fetch_add(1);
  LogNotice(
      partial ? "Partial resynchronization request accepted" : "Full resync requested by replica",
      {{"replica", feed->address()}, {"port", feed->port()}});
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
  const FollowerTraits traits = client.follower == nullptr ? FollowerTraits() : *client.follower;
  const std::string address = traits.address.empty() ? HostOf(client.address) : traits.address;
  auto feed = std::make_shared<PsyncFeed>(node_, client.id, fd, traits, address,
                                          /*plain=*/!request.partial);
  std::string history_id;
  bool partial = false;
  client.client_class.store(ClientClass::kReplica, std::memory_order_relaxed);
  Session::Of(client).connection().HoldOutput();  // Only the feed writes from here on.
  {
    const std::lock_guard lock(mu_);
    history_id = history_.id();
    partial = request.partial && TryPartial(request, *feed);
    AddFollower(feed, partial);
  }
  if (!partial) {
    feed->StartFull();
  } else {
    feed->StartPartial(traits.takes_psync2 ? fmt::format("+CONTINUE {}\r\n", history_id)
                                           : std::string("+CONTINUE\r\n"));
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
  absl::Status status;
  {
    const std::lock_guard lock(mu_);
    if (absl::Status known = CheckName(hello); !known.ok()) return known;
    LearnEpoch(hello.epoch);
    const auto resync = feed->OnHello(hello, HoldingLocked());
    status = resync.status();
    if (resync.ok()) {
      const bool partial = *resync == replication::Resync::kPartial;
      if (!partial && !hello.history_id.empty()) {
        NotePartialRefused({true, hello.history_id, hello.next_offset});
      }
      BreakOthersOf(hello.node);
      AddFollower(feed, partial);
      if (governed()) acknowledgements_.Name(feed->id(), hello.node);
    }
  }
  if (status.ok()) status = feed->Serve();
  OnClosed(feed->id());
  LogWarning(
      "Connection with replica lost",
      {{"replica", feed->address()}, {"port", feed->port()}, {"why", Std(status.message())}});
  return status;
}

// A follower of a governed group says its node's name, which is not this one's. REQUIRES: the
// mutex.
absl::Status Replication::CheckName(const replication::StreamHello& hello) const {
  if (hello.group != group_) return absl::NotFoundError("there is no such replica group here");
  if (!governed()) return absl::OkStatus();
  if (!cluster::NodeId::Parse(hello.node) || hello.node == node_name_) {
    return absl::InvalidArgumentError("a follower in a cluster says its node's id");
  }
  return absl::OkStatus();
}

// A node's new stream takes the place of one that is not known to be broken yet. REQUIRES: the
// mutex.
void Replication::BreakOthersOf(const std::string& node) {
  if (node.empty()) return;
  for (const auto& feed : feeds_) {
    if (feed->node() == node) feed->Break();
  }
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

Lsn Replication::KeptFrom() const {
  const Lsn kept = spill_.BeginBefore(node_.journaling().journal().begin());
  return std::max(kept, history_begin_.load());
}

replication::Holding Replication::HoldingLocked() const {
  return {.history = history_,
          .begin = OffsetOf(KeptFrom()),
          .end = offset(),
          .keeps = node_.journaling().replicating(),
          .epochs = epochs()};
}

absl::Status Replication::Look(
    absl::FunctionRef<absl::Status(const replication::Holding&)> look) const {
  const std::lock_guard lock(mu_);
  return look(HoldingLocked());
}

// By Redis's protocol no more than the backlog, and what others hold, is promised: a large
// transaction is one record, kept as a whole, and would make that many times as much.
replication::Holding Replication::PromisedLocked() const {
  replication::Holding holding = HoldingLocked();
  if (spill_.limit() == 0) {
    const int64_t from = OffsetOf(node_.journaling().journal().promised_from());
    holding.begin = std::max(holding.begin, from);
  }
  return holding;
}

bool Replication::TryPartial(const SyncRequest& request, FollowerFeed& feed) {
  const bool partial = ChooseResync(PromisedLocked(), request.history_id, request.next_offset) ==
                           replication::Resync::kPartial &&
                       feed.TakePlace(LsnOfOffset(request.next_offset - 1));
  if (!partial && request.history_id != "?") NotePartialRefused(request);
  return partial;
}

void Replication::NotePartialRefused(const SyncRequest& request) {
  partial_refusals_.fetch_add(1);
  LogNotice("Partial resynchronization not accepted: the history differs, or is not kept so far",
            {{"asked", request.history_id}, {"offset", request.next_offset}});
}

void Replication::LearnEpoch(uint64_t epoch) {
  uint64_t known = newest_epoch_.load();
  while (known < epoch && !newest_epoch_.compare_exchange_weak(known, epoch)) {
  }
  if (known >= epoch) return;
  LogNotice("There is a newer epoch", {{"epoch", epoch}, {"data", epoch_.load()}});
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
  acknowledgements_.AppendControl(words, /*message=*/true);
}

int64_t Replication::KillLeaderLink() {
  const std::lock_guard lock(mu_);
  if (link_ == nullptr || !link_->up()) return 0;
  link_->Break();
  return 1;
}

void Replication::ForEachStream(const std::function<void(const commands::ClientState&)>& fn) const {
  const std::lock_guard lock(mu_);
  for (const auto& feed : feeds_) {
    if (const commands::ClientState* client = feed->client()) fn(*client);
  }
}

bool Replication::KillStream(ClientId id) {
  const std::lock_guard lock(mu_);
  for (const auto& feed : feeds_) {
    if (feed->id() != id) continue;
    feed->Break();
    return feed->client() != nullptr;
  }
  return false;
}

std::string Replication::Failover(const FailoverRequest& request) {
  if (governed()) return node_.group_failover().Begin(request);
  return failover_.Begin(request);
}

std::string Replication::AbortFailover() {
  return governed() ? node_.group_failover().Abort() : failover_.Abort();
}

std::string Replication::LeadFromHere(std::string_view history_id) {
  store::LockSet locks(node_.store());
  locks.AddAll();
  locks.Lock();
  if (governed()) return "ERR PSYNC FAILOVER is not allowed in cluster mode.";
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
  BeginFollowing(host, port, {.failover = true});
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
    source_asked_at_ = SystemClock().NowMillis();
    BeginSource();
  }
  return source_;
}

// As soon as no other snapshot is under way, and enough followers wait for it. REQUIRES: the mutex.
void Replication::BeginSource() {
  if (source_ == nullptr || source_begun_ || stopped_ || WaitsForMore()) return;
  source_begun_ = node_.saver().StartOther([source = source_] { source->Run(); });
}

bool Replication::WaitsForMore() const {
  const Settings& settings = node_.parameters();
  const int64_t delay_ms = settings.repl_diskless_sync_delay.load() * 1000;
  if (!settings.repl_diskless_sync.load() ||
      SystemClock().NowMillis() - source_asked_at_ >= delay_ms) {
    return false;
  }
  const int64_t enough = settings.repl_diskless_sync_max_replicas.load();
  const auto waiting = std::count_if(feeds_.begin(), feeds_.end(), [](const auto& feed) {
    return feed->state() == FollowerFeed::State::kWaiting;
  });
  return enough == 0 || waiting < enough;
}

void Replication::DropSource(const std::shared_ptr<SyncSource>& source) {
  const std::lock_guard lock(mu_);
  if (source_ == source) source_ = nullptr;
}

std::unique_ptr<JournalReader> Replication::BeginSync(SyncSource::Position& position) {
  if (!node_.journaling().replicating()) {
    history_begin_.store(node_.journaling().journal().end());
    node_.journaling().SetReplicating(true);
    spill_.Wake();
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
  const DbIndex db = follows() ? stream_db() : 0;
  const std::lock_guard lock(mu_);
  std::vector<std::pair<std::string, std::string>> fields = {
      {"repl-stream-db", std::to_string(db)},
      {"repl-id", history_.id()},
      {"repl-offset", std::to_string(offset())}};
  if (const uint64_t epoch = data_epoch_.load(); epoch != 0) {
    fields.emplace_back("repl-epoch", std::to_string(epoch));
  }
  return fields;
}

}  // namespace henge::server
