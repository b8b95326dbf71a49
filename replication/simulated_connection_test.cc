// SPDX-License-Identifier: Apache-2.0
// The simulated group's connections: what goes over them, and what either side makes of it.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "replication/simulated_group.h"

namespace henge::replication::simulation {
namespace {

constexpr int64_t kTimeoutMs = 3000;

Bytes Part(const Bytes& bytes, int64_t from, int64_t to) {
  return {bytes.begin() + from, bytes.begin() + to};
}

}  // namespace

// --- The leader's side
// -----------------------------------------------------------------------

void Group::CloseLeader(Connection& at) { at.leader_open = false; }

void Group::DeliverToLeader(Connection& at) {
  if (!at.leader_open || at.hangs || at.to_leader.empty()) return;
  const auto message = std::move(at.to_leader.front());
  at.to_leader.pop_front();
  if (const auto* hello = std::get_if<StreamHello>(&message)) return OnHello(at, *hello);
  const auto& said = std::get<StreamAcknowledgement>(message);
  if (!at.leader_end.OnAcknowledgement(said, now_ms_).ok()) {
    Expect(bug_ != Bug::kNone, "an honest follower's acknowledgement was refused");
    return CloseLeader(at);
  }
  Expect(at.leader_end.acknowledged() <= at.applied_true,
         fmt::format("{} bytes are acknowledged, and {} applied", at.leader_end.acknowledged(),
                     at.applied_true));
  Expect(at.leader_end.durable() <= at.durable_true,
         fmt::format("{} bytes are acknowledged as durable, and {} are", at.leader_end.durable(),
                     at.durable_true));
}

void Group::OnHello(Connection& at, const StreamHello& hello) {
  Node& node = nodes_[at.leader];
  if (!Serves(node)) return CloseLeader(at);
  Holding holding = HoldingOf(node);
  History any;
  if (bug_ == Bug::kGrantsAnyOffset && hello.history_id == node.history.second_id()) {
    any.Rename(node.history.id(), 0);
    any.Adopt(hello.history_id);
    any.Rename(node.history.id(), node.end());
  }
  const Holding lenient{any, holding.begin, holding.end, true, holding.epochs};
  const bool lies = any.id() == node.history.id();
  const auto resync = at.leader_end.OnHello(hello, lies ? lenient : holding, now_ms_);
  Learn(node, at.leader_end.heard_epoch());
  if (!resync.ok()) {
    ++refused_epochs_;
    return CloseLeader(at);
  }
  if (*resync == Resync::kFull) {
    ++full_;
    return CheckFull(at, hello);
  }
  ++partial_;
  if (OneIn(20)) return at.leader_end.OnPlaceLost();
  at.to_follower.push_back({at.leader_end.Greeting(holding), {}});
}

void Group::Pump(Connection& at) {
  if (!at.leader_open || at.leader_end.state() == LeaderEnd::State::kNew) return;
  if (at.leader_end.state() == LeaderEnd::State::kAwaitsSnapshot) return BeginSnapshot(at);
  const Node& node = nodes_[at.leader];
  const int64_t from = at.leader_end.next_offset();
  if (from < node.kept_from || from > node.end()) return CloseLeader(at);
  const int64_t to = std::min(node.end(), from + static_cast<int64_t>(1 + random_.Below(8)));
  if (from == to) return;
  const auto epoch =
      at.leader_end.OnRecords(from, static_cast<size_t>(to - from), HoldingOf(node).epochs);
  if (!epoch.ok()) return CloseLeader(at);
  if (at.cut) return;  // It is on its way to nowhere.
  at.to_follower.push_back({StreamRecords{from, {}, *epoch}, Part(node.bytes, from, to)});
}

void Group::BeginSnapshot(Connection& at) {
  Node& node = nodes_[at.leader];
  if (!Serves(node)) return CloseLeader(at);
  if (node.source == nullptr || static_cast<int64_t>(node.source->bytes.size()) < node.kept_from) {
    if (!std::exchange(node.keeps, true)) node.kept_from = node.end();
    node.source = std::make_shared<Snapshot>(Snapshot{node.history.id(), node.bytes});
  }
  const std::string name =
      bug_ == Bug::kSharesOldSnapshot ? node.history.id() : node.source->history_id;
  const auto full = at.leader_end.OnSnapshot(name, static_cast<int64_t>(node.source->bytes.size()),
                                             1, HoldingOf(node));
  if (absl::IsAborted(full.status())) {
    node.source = nullptr;
    return;
  }
  if (!full.ok()) return CloseLeader(at);
  at.snapshot = node.source;
  at.to_follower.push_back({*full, {}});
}

// --- The follower's side
// ---------------------------------------------------------------------

void Group::CloseFollower(Connection& at, const absl::Status& why) {
  Expect(!absl::IsDataLoss(why) || bug_ != Bug::kNone,
         "an honest leader's words make no sense: " + std::string(Std(why.message())));
  at.follower_open = false;
  nodes_[at.follower].link = 0;
}

void Group::DeliverToFollower(Connection& at) {
  if (!at.follower_open || at.hangs) return;
  if (at.to_follower.empty()) return;
  const Said message = std::move(at.to_follower.front());
  at.to_follower.pop_front();
  Node& node = nodes_[at.follower];
  at.follower_end.Learn(node.newest_epoch);
  OnLeaderSaid(at, message);
  node.newest_epoch = std::max(node.newest_epoch, at.follower_end.newest_epoch());
  std::visit([&](const auto& said) { node.seen_epoch = std::max(node.seen_epoch, said.epoch); },
             message.said);
}

void Group::OnLeaderSaid(Connection& at, const Said& message) {
  Node& node = nodes_[at.follower];
  FollowerEnd& end = at.follower_end;
  const uint64_t trusted = bug_ == Bug::kBelievesOldLeaders ? node.newest_epoch : 0;
  if (const auto* partial = std::get_if<StreamPartial>(&message.said)) {
    StreamPartial said = *partial;
    said.epoch = std::max(said.epoch, trusted);
    if (absl::Status status = end.OnPartial(said, now_ms_); !status.ok()) {
      return CloseFollower(at, status);
    }
    node.own_name = false;
    at.name = partial->history_id;
    if (at.name != node.history.id() && bug_ != Bug::kKeepsOldName) {
      node.history.Rename(at.name, node.end());
      DropFollowers(node);
    }
    CheckEpochOf(node, at);
    at.applied_true = node.end();
    at.durable_true = node.synced;
    return CheckPrefix(node);
  }
  if (const auto* full = std::get_if<StreamFull>(&message.said)) {
    StreamFull said = *full;
    said.epoch = std::max(said.epoch, trusted);
    if (absl::Status status = end.OnFull(said, now_ms_); !status.ok()) {
      return CloseFollower(at, status);
    }
    at.name = full->history_id;
    at.pieces = 1 + random_.Below(4);
    return;
  }
  const auto& records = std::get<StreamRecords>(message.said);
  const auto use = end.OnRecords(records.offset, message.bytes.size(),
                                 std::max(records.epoch, trusted), now_ms_);
  if (!use.ok()) return CloseFollower(at, use.status());
  if (*use == FollowerEnd::Use::kApply) return Apply(at, message.bytes);
  at.spool.insert(at.spool.end(), message.bytes.begin(), message.bytes.end());
}

void Group::FetchSnapshot(Connection& at) {
  if (!at.follower_open || at.hangs || at.pieces == 0) return;
  if (!at.leader_open || at.cut) {
    return CloseFollower(at, absl::UnavailableError("the snapshot is not there any more"));
  }
  at.follower_end.OnSnapshotBytes(now_ms_);
  if (--at.pieces == 0) Load(at);
}

void Group::Load(Connection& at) {
  Node& node = nodes_[at.follower];
  FollowerEnd& end = at.follower_end;
  end.Learn(node.newest_epoch);
  if (absl::Status status = end.OnSnapshot(); !status.ok()) return CloseFollower(at, status);
  node.bytes = at.snapshot->bytes;
  node.history.Adopt(at.name);
  node.keeps = true;
  node.own_name = false;
  node.kept_from = node.end();
  node.synced = 0;
  CheckEpochOf(node, at);
  DropFollowers(node);
  at.applied_true = node.end();
  at.durable_true = 0;
  CheckPrefix(node);
  if (absl::Status status = end.OnLoaded(); !status.ok()) CloseFollower(at, status);
}

void Group::Drain(Connection& at) {
  if (!at.follower_open || at.follower_end.state() != FollowerEnd::State::kDrains) return;
  at.follower_end.Learn(nodes_[at.follower].newest_epoch);
  const auto piece = at.follower_end.NextSpooled(1 + random_.Below(6));
  if (!piece.ok()) return CloseFollower(at, piece.status());
  if (bug_ == Bug::kDropsSpool) return;
  const auto begin = static_cast<int64_t>(piece->begin);
  Apply(at, Part(at.spool, begin, begin + static_cast<int64_t>(piece->size)));
}

void Group::Apply(Connection& at, const Bytes& bytes) {
  Node& node = nodes_[at.follower];
  const size_t before = node.bytes.size();
  for (const uint32_t byte : bytes) {
    at.pending.push_back(byte);
    if (byte % 2 == 0) continue;
    node.bytes.insert(node.bytes.end(), at.pending.begin(), at.pending.end());
    at.pending.clear();
  }
  if (node.bytes.size() == before) return;
  CheckEpochOf(node, at);
  at.applied_true = node.end();
  CheckPrefix(node);
}

void Group::Acknowledge(Connection& at) {
  if (!at.follower_open) return;
  const Node& node = nodes_[at.follower];
  const int64_t applied =
      bug_ == Bug::kAcknowledgesReceived ? at.follower_end.received() : node.end();
  const int64_t durable = bug_ == Bug::kDurableIsApplied ? applied : node.synced;
  const auto said = at.follower_end.Acknowledge(applied, durable, now_ms_);
  if (said && !at.cut) at.to_leader.emplace_back(*said);
}

void Group::CheckTimeouts(Connection& at) {
  if (bug_ == Bug::kNoTimeouts) return;
  if (at.leader_open && at.leader_end.IsSilent(now_ms_, kTimeoutMs)) CloseLeader(at);
  if (at.follower_open && at.follower_end.IsSilent(now_ms_, kTimeoutMs)) {
    CloseFollower(at, absl::DeadlineExceededError("silence"));
  }
}

}  // namespace henge::replication::simulation
