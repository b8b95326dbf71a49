// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/stream.h"

#include <algorithm>
#include <utility>

#include "tests/sim/process.h"
#include "tests/sim/replica.h"

namespace henge::sim {

using replication::StreamAcknowledgement;
using replication::StreamHello;

Stream::Stream(World& world, const cluster::GroupId& group, size_t follower, size_t leader,
               const StreamHello& hello)
    : world_(world),
      group_(group),
      follower_(follower),
      leader_(leader),
      leader_life_(world.machine(leader).life),
      follower_end_(hello, world.Local(follower) / kMilli) {}

void Stream::Begin(const StreamHello& hello) { Say(to_leader_, ToLeader(hello)); }

// --- The connection ------------------------------------------------------------------------------

template <class Word>
void Stream::Say(Direction<Word>& way, Word word) {
  int64_t due = world_.now() + world_.Delay();
  if (world_.Lost()) due += 200 * kMilli;  // Sent again.
  way.last = std::max(way.last + 1, due);
  way.words.push_back({way.last, std::move(word)});
  Move(way);
}

template <class Word>
void Stream::Move(Direction<Word>& way) {
  if (way.words.empty() || std::exchange(way.moving, true)) return;
  const bool forth = static_cast<void*>(&way) == static_cast<void*>(&to_leader_);
  const size_t from = forth ? follower_ : leader_;
  const size_t to = forth ? leader_ : follower_;
  int64_t at = way.words.front().due;
  if (!world_.Open(from, to)) at = std::max(at, world_.now() + 100 * kMilli);
  world_.OnProcess(to, at, [this, self = shared_from_this(), &way, from, to] {
    way.moving = false;
    if (world_.Open(from, to) && !way.words.empty()) {
      const Word word = std::move(way.words.front().word);
      way.words.pop_front();
      Hear(word);
    }
    Move(way);
  });
}

Replica* Stream::AtLeader() {
  return leader_open_ ? world_.machine(leader_).process->Find(group_) : nullptr;
}

Replica* Stream::AtFollower() {
  return follower_open_ ? world_.machine(follower_).process->Find(group_) : nullptr;
}

void Stream::CloseLeader() {
  if (!std::exchange(leader_open_, false)) return;
  if (const Machine& machine = world_.machine(leader_); machine.up()) {
    if (Replica* replica = machine.process->Find(group_)) replica->Detach(this);
  }
  if (world_.machine(follower_).up()) Say(to_follower_, ToFollower(Closed{}));
}

void Stream::CloseFollower() {
  if (!std::exchange(follower_open_, false)) return;
  if (const Machine& machine = world_.machine(follower_); machine.up()) {
    Replica* replica = machine.process->Find(group_);
    if (replica != nullptr && replica->link().get() == this) replica->LoseLink();
  }
  if (world_.machine(leader_).up()) Say(to_leader_, ToLeader(Closed{}));
}

void Stream::CheckSilence(bool at_leader) {
  if (at_leader && leader_end_.IsSilent(NowMs(leader_), kSilenceMs)) CloseLeader();
  if (!at_leader && follower_end_.IsSilent(NowMs(follower_), kSilenceMs)) CloseFollower();
}

void Stream::Break(bool at_leader, bool tell) {
  (at_leader ? leader_open_ : follower_open_) = false;
  if (world_.OneIn(2)) at_leader ? to_follower_.words.clear() : to_leader_.words.clear();
  if (!tell) return;
  if (at_leader && world_.machine(follower_).up()) Say(to_follower_, ToFollower(Closed{}));
  if (!at_leader && world_.machine(leader_).up()) Say(to_leader_, ToLeader(Closed{}));
}

// --- The leader's side ---------------------------------------------------------------------------

void Stream::Hear(const ToLeader& word) {
  Replica* replica = AtLeader();
  if (std::holds_alternative<Closed>(word)) return CloseLeader();
  if (replica == nullptr) return;
  if (const auto* hello = std::get_if<StreamHello>(&word)) return OnHello(*hello);
  const auto& said = std::get<StreamAcknowledgement>(word);
  if (!leader_end_.OnAcknowledgement(said, NowMs(leader_)).ok()) {
    world_.verdict().Violated("stream", "an honest follower's acknowledgement was refused");
    return CloseLeader();
  }
  replica->OnAcknowledged(*this);
  Pump();
}

void Stream::OnHello(const StreamHello& hello) {
  Replica& replica = *AtLeader();
  if (!replica.Serves()) return CloseLeader();
  const auto resync = leader_end_.OnHello(hello, replica.Holding(), NowMs(leader_));
  replica.Learn(leader_end_.heard_epoch());
  if (!resync.ok()) return CloseLeader();
  replica.Attach(follower_, shared_from_this());
  if (*resync == replication::Resync::kPartial) {
    ++world_.counts.partial_syncs;
    Say(to_follower_, ToFollower(Partial{leader_end_.Greeting(replica.Holding())}));
    world_.Moment(leader_, 2 * kMilli);
    return Pump();
  }
  ++world_.counts.full_syncs;
  const int64_t takes = static_cast<int64_t>(world_.random().Below(300)) * kMilli;
  world_.After(leader_, takes, [self = shared_from_this()] { self->BeginSnapshot(); });
}

void Stream::BeginSnapshot() {
  Replica* replica = AtLeader();
  if (replica == nullptr) return;
  if (!replica->Serves()) return CloseLeader();
  const auto full =
      leader_end_.OnSnapshot(replica->history().id(), replica->end(), 1, replica->Holding());
  if (!full.ok()) return CloseLeader();
  Say(to_follower_, ToFollower(Full{*full, replica->log()}));
  Pump();
}

void Stream::Pump() {
  Replica* replica = AtLeader();
  if (replica == nullptr) return;
  using State = replication::LeaderEnd::State;
  if (leader_end_.state() != State::kOnline && leader_end_.state() != State::kSyncs) return;
  const int64_t from = leader_end_.next_offset();
  const bool alive = world_.now() - said_at_ >= kAliveMs * kMilli;  // A sign of life, then.
  if (from == replica->end() && !alive) return;
  const auto count = static_cast<size_t>(replica->end() - from);
  const auto epoch = leader_end_.OnRecords(from, count, replica->Holding().epochs);
  if (!epoch.ok()) return CloseLeader();
  said_at_ = world_.now();
  Say(to_follower_,
      ToFollower(Records{from, {replica->log().begin() + from, replica->log().end()}, *epoch}));
}

// --- The follower's side -------------------------------------------------------------------------

uint64_t Stream::Believed(uint64_t epoch) {
  const Replica& replica = *AtFollower();
  said_epoch_ = epoch;
  return world_.has(Bug::kBelievesOldLeaders) ? std::max(epoch, replica.newest_epoch()) : epoch;
}

void Stream::Hear(const ToFollower& word) {
  Replica* replica = AtFollower();
  if (replica == nullptr) return;
  if (std::holds_alternative<Closed>(word)) return CloseFollower();
  follower_end_.Learn(replica->newest_epoch());
  if (const auto* partial = std::get_if<Partial>(&word)) return OnPartial(*partial);
  if (const auto* full = std::get_if<Full>(&word)) return OnFull(*full);
  OnRecords(std::get<Records>(word));
}

void Stream::OnPartial(const Partial& partial) {
  replication::StreamPartial said = partial.said;
  said.epoch = Believed(said.epoch);
  if (!follower_end_.OnPartial(said, NowMs(follower_)).ok()) return CloseFollower();
  Replica& replica = *AtFollower();
  replica.GoOnUnder(said.history_id, said_epoch_);
  replica.Remember(said.earlier);
  replica.LeaveTo(leader_, leader_life_);
  all_ = said.end;
  if (world_.has(Bug::kLiveAtOnce)) all_ = 0;
  LookWhetherAll();
  Acknowledge();
}

void Stream::OnFull(const Full& full) {
  replication::StreamFull said = full.said;
  said.epoch = Believed(said.epoch);
  if (!follower_end_.OnFull(said, NowMs(follower_)).ok()) return CloseFollower();
  AtFollower()->Learn(follower_end_.newest_epoch());
  full_ = full;
  const int64_t takes = static_cast<int64_t>(world_.random().Below(400)) * kMilli;
  world_.After(follower_, takes, [self = shared_from_this()] { self->OnFetched(); });
}

void Stream::OnFetched() {
  Replica* replica = AtFollower();
  if (replica == nullptr) return;
  follower_end_.Learn(replica->newest_epoch());
  if (!follower_end_.OnSnapshot().ok()) return CloseFollower();
  replica->Load(full_.said.history_id, full_.log, said_epoch_, full_.said.common);
  replica->Remember(full_.said.earlier);
  replica->LeaveTo(leader_, leader_life_);
  if (!follower_end_.OnLoaded().ok()) return CloseFollower();
  for (;;) {
    const auto piece = follower_end_.NextSpooled(UINT64_MAX);
    if (!piece.ok()) return CloseFollower();
    if (piece->size == 0) break;
    replica->Append(std::span(spool_).subspan(piece->begin, piece->size), said_epoch_);
  }
  all_ = full_.said.offset;
  LookWhetherAll();
  Acknowledge();
}

void Stream::OnRecords(const Records& records) {
  const auto use = follower_end_.OnRecords(records.offset, records.writes.size(),
                                           Believed(records.epoch), NowMs(follower_));
  Replica& replica = *AtFollower();
  replica.Learn(follower_end_.newest_epoch());
  if (!use.ok()) return CloseFollower();
  if (*use == replication::FollowerEnd::Use::kSpool) {
    spool_.insert(spool_.end(), records.writes.begin(), records.writes.end());
    return;
  }
  replica.Append(records.writes, said_epoch_);
  LookWhetherAll();
  Acknowledge();
}

void Stream::LookWhetherAll() {
  Replica& replica = *AtFollower();
  if (up() && all_ >= 0 && replica.end() >= all_) replica.HasAll();
}

void Stream::Acknowledge() {
  const Replica* replica = AtFollower();
  if (replica == nullptr) return;
  const int64_t durable = world_.has(Bug::kDurableIsApplied) ? replica->end() : replica->synced();
  const auto said = follower_end_.Acknowledge(replica->end(), durable, NowMs(follower_));
  if (!said) return;
  if (said->durable > replica->synced()) {
    world_.verdict().Violated("durable", fmt::format("node {} says that {} writes are on its disk, "
                                                     "which has {}",
                                                     follower_, said->durable, replica->synced()));
  }
  Say(to_leader_, ToLeader(*said));
}

}  // namespace henge::sim
