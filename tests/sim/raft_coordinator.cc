// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/raft_coordinator.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "cluster/consensus/byte_codec.h"
#include "cluster/topology/codec.h"
#include "tests/sim/process.h"

namespace henge::sim {

using cluster::NodeId;
using cluster::TopologyPtr;
using consensus::Index;
using consensus::Message;
using consensus::Ready;
using consensus::Refusal;

namespace {

constexpr int64_t kAgainTicks = 8;
constexpr int64_t kSoonTicks = 1;

consensus::RaftOptions OptionsOf(World& world, size_t self) {
  consensus::RaftOptions options;
  options.id = PeerOf(self);
  options.seed = world.random().Next();
  options.heartbeat_ticks = 2;
  // Or else it would step down before its leases could do harm.
  options.check_quorum = !world.has(Bug::kNoBarrier);
  return options;
}

int64_t TicksOf(int64_t timeout_ms) {
  return timeout_ms * kMilli / RaftCoordinator::kTickMicros + 1;
}

}  // namespace

RaftCoordinator::RaftCoordinator(World& world, size_t self)
    : world_(world),
      self_(self),
      proposer_(world.random().Next()),
      machine_(world.machine(self)),
      raft_(OptionsOf(world, self), machine_.log.Read()),
      compact_after_(15 + world.random().Below(60)) {
  Install(*machine_.log.snapshot);
}

std::optional<NodeId> RaftCoordinator::leader() const {
  if (raft_.leader() == consensus::kNobody) return std::nullopt;
  return world_.machine(MachineOf(raft_.leader())).id;
}

void RaftCoordinator::Watch(cluster::TopologyWatcher* watcher) {
  watchers_.push_back(watcher);
  watcher->OnTopology(topology_);
  watcher->OnLeader(leader());
}

void RaftCoordinator::Unwatch(cluster::TopologyWatcher* watcher) { std::erase(watchers_, watcher); }

// --- Requests ------------------------------------------------------------------------------------

uint64_t RaftCoordinator::NewRequest() {
  unsettled_.insert(++requests_);
  return requests_;
}

std::string RaftCoordinator::EncodeRequest(uint64_t request,
                                           const cluster::Proposal& proposal) const {
  consensus::ByteWriter out;
  out.Number(proposer_);
  out.Number(request);
  out.Number(unsettled_.empty() ? request : *unsettled_.begin());
  out.Text(
      cluster::Serialize(cluster::ExpectingChange{proposal.change, proposal.expected_version}));
  return std::move(out).Take();
}

void RaftCoordinator::Propose(cluster::Proposal proposal, cluster::ProposalDone done) {
  const uint64_t request = proposal.request == 0 ? NewRequest() : proposal.request;
  const auto [at, is_new] =
      asked_.emplace(request, Asked{EncodeRequest(request, proposal), std::move(done),
                                    ticks_ + TicksOf(proposal.timeout_ms), 0});
  ProposeNow(at->second);
  Flush();
}

void RaftCoordinator::ProposeNow(Asked& asked) {
  const Refusal refusal = raft_.Propose({}, asked.bytes);
  asked.again = ticks_ + (refusal == Refusal::kNone ? kAgainTicks : kSoonTicks);
}

void RaftCoordinator::Barrier(int64_t timeout_ms, cluster::BarrierDone done) {
  if (lax_) {
    return world_.OnProcess(self_, world_.now(), [done] { done(absl::OkStatus()); });
  }
  const uint64_t context = ++contexts_;
  const auto at =
      reading_.emplace(context, Reading{std::move(done), ticks_ + TicksOf(timeout_ms), 0, 0});
  ReadNow(context, at.first->second);
  Flush();
}

void RaftCoordinator::ReadNow(uint64_t context, Reading& reading) {
  const Refusal refusal = raft_.Read(context);
  reading.again = ticks_ + (refusal == Refusal::kNone ? kAgainTicks : kSoonTicks);
}

void RaftCoordinator::TakeReads(const std::vector<consensus::ReadState>& reads) {
  for (const consensus::ReadState& read : reads) {
    const auto at = reading_.find(read.context);
    if (at == reading_.end()) continue;
    if (read.refusal == Refusal::kNone) {
      at->second.index = std::max<Index>(read.index, 1);
    } else {
      at->second.again = ticks_ + kSoonTicks;
    }
  }
  for (auto at = reading_.begin(); at != reading_.end();) {
    if (at->second.index == 0 || at->second.index > raft_.log().applied()) {
      ++at;
      continue;
    }
    due_.emplace_back(std::move(at->second.done), absl::OkStatus());
    at = reading_.erase(at);
  }
}

void RaftCoordinator::Tick() {
  ++ticks_;
  raft_.Tick();
  for (auto at = asked_.begin(); at != asked_.end();) {
    if (ticks_ >= at->second.deadline) {
      due_.emplace_back(std::move(at->second.done), absl::DeadlineExceededError("no majority"));
      at = asked_.erase(at);
      continue;
    }
    if (ticks_ >= at->second.again) ProposeNow(at->second);
    ++at;
  }
  for (auto at = reading_.begin(); at != reading_.end();) {
    if (ticks_ >= at->second.deadline) {
      due_.emplace_back(std::move(at->second.done), absl::DeadlineExceededError("no leader"));
      at = reading_.erase(at);
      continue;
    }
    if (at->second.index == 0 && ticks_ >= at->second.again) ReadNow(at->first, at->second);
    ++at;
  }
  Flush();
  CallBack();
}

void RaftCoordinator::Receive(const Message& message) {
  raft_.Step(message);
  Flush();
}

void RaftCoordinator::Transfer(consensus::PeerId to) {
  raft_.Transfer(to);
  Flush();
}

void RaftCoordinator::ChangeMembership(const consensus::MembershipChange& change) {
  raft_.ChangeMembership({}, change);
  Flush();
}

// --- What the core wants done --------------------------------------------------------------------

void RaftCoordinator::Flush() {
  if (writing_ || !raft_.fault().empty() || !raft_.HasReady()) {
    if (!raft_.fault().empty()) {
      world_.verdict().Violated("consensus", std::string(raft_.fault()));
    }
    return;
  }
  writing_ = raft_.TakeReady();
  int64_t done = world_.now();
  if (writing_->must_sync) {
    done += static_cast<int64_t>(
        world_.random().Below(static_cast<uint64_t>(machine_.sync_micros) + 1));
  }
  // By way of the timeline in any case, so that no callback comes from within a call.
  world_.OnProcess(self_, done, [this] { EndWrite(); });
}

void RaftCoordinator::EndWrite() {
  Ready ready = *std::exchange(writing_, std::nullopt);
  machine_.log.Write(ready);
  for (const Message& message : ready.messages) Send(message);
  if (ready.snapshot != nullptr) Install(*ready.snapshot);
  for (const consensus::Committed& committed : ready.committed) Apply(committed);
  raft_.Advance();
  TakeReads(ready.reads);
  if (raft_.log().applied() >= raft_.snapshot()->index + compact_after_) Compact();
  Flush();
  Tell();
  CallBack();
}

void RaftCoordinator::Send(const Message& message) {
  const size_t to = MachineOf(message.to);
  if (to >= world_.size()) return;
  world_.Send(self_, to, [&world = world_, to, message] {
    world.machine(to).process->coordinator().Receive(message);
  });
}

void RaftCoordinator::Loosen(cluster::Change& change) const {
  if (auto* promote = std::get_if<cluster::Promote>(&change);
      promote != nullptr && world_.has(Bug::kTermUnchecked)) {
    promote->term = topology_->office().term;
  }
  auto* set = std::get_if<cluster::SetInSync>(&change);
  if (set == nullptr || !world_.has(Bug::kInSyncUnchecked)) return;
  const cluster::Group* group = topology_->FindGroup(set->group);
  if (group == nullptr) return;
  set->expected_epoch = group->epoch;
  set->expected_revision = group->revision;
  if (group->leader.IsZero() || std::ranges::count(set->members, group->leader) > 0) return;
  set->members.push_back(group->leader);
}

void RaftCoordinator::Apply(const consensus::Committed& committed) {
  if (committed.entry.kind != consensus::EntryKind::kCommand) return;
  consensus::ByteReader in(committed.entry.data);
  const uint64_t proposer = in.Number();
  const uint64_t request = in.Number();
  const uint64_t settled = in.Number();
  const std::string bytes = in.Text();
  Outcomes& of = outcomes_[proposer];
  if (request < of.settled) return;
  if (!of.known.contains(request)) {
    auto change = cluster::ParseChange(bytes);
    if (!change.ok()) return world_.verdict().Violated("coordinator", "a change can't be read");
    Loosen(change->change);
    const auto next = world_.documents().Apply(topology_, bytes, *change);
    of.known[request] = next.status().code();
    if (next.ok()) {
      const auto* promote = std::get_if<cluster::Promote>(&change->change);
      if (promote != nullptr && (*next)->version() > world_.NewestVersion()) {
        ++world_.counts.promotions;
        world_.Moment(world_.OneIn(2) ? self_ : world_.IndexOf(promote->to));
      }
      Adopt(*next);
    }
  }
  if (settled > of.settled) {
    of.settled = settled;
    of.known.erase(of.known.begin(), of.known.lower_bound(settled));
  }
  const auto at = asked_.find(request);
  if (proposer != proposer_ || at == asked_.end()) return;
  const auto code = of.known.find(request);
  due_.emplace_back(
      std::move(at->second.done),
      absl::Status(code->second,
                   code->second == absl::StatusCode::kOk ? "" : "refused by the topology"));
  asked_.erase(at);
  unsettled_.erase(request);
}

void RaftCoordinator::Adopt(TopologyPtr topology) {
  const uint64_t newest = world_.NewestVersion();
  world_.same_topology().OnAdopt(self_, topology_, topology);
  if (topology->version() > newest) {
    TellNews(*topology);
    world_.NoteInSync(*topology);
  }
  topology_ = std::move(topology);
}

void RaftCoordinator::TellNews(const cluster::Topology& next) {
  const auto names = [this](const std::vector<NodeId>& ids) {
    std::string text;
    for (const NodeId& id : ids) absl::StrAppend(&text, " ", world_.IndexOf(id));
    return text;
  };
  const auto& office = next.office();
  world_.Tell("version {} by node {}: office {} term {}", next.version(), self_,
              world_.IndexOf(office.judge), office.term);
  for (const cluster::Group& group : next.groups()) {
    const cluster::Group* before = topology_ == nullptr ? nullptr : topology_->FindGroup(group.id);
    if (before != nullptr && *before == group) continue;
    world_.Tell("  {}: epoch {} leader {} followers{} in sync{}", group.id.view().substr(0, 4),
                group.epoch, world_.IndexOf(group.leader), names(group.followers),
                names(group.in_sync));
  }
}

// --- Snapshots -----------------------------------------------------------------------------------

void RaftCoordinator::Compact() {
  ++world_.counts.compactions;
  consensus::ByteWriter out;
  out.Text(world_.documents().Save(topology_));
  out.Number(outcomes_.size());
  for (const auto& [proposer, of] : outcomes_) {
    out.Number(proposer);
    out.Number(of.settled);
    out.Number(of.known.size());
    for (const auto& [request, code] : of.known) {
      out.Number(request);
      out.Byte(static_cast<uint8_t>(code));
    }
  }
  machine_.log.snapshot = raft_.Compact(std::move(out).Take(), world_.random().Below(8));
  std::erase_if(machine_.log.entries, [&](const consensus::Entry& entry) {
    return entry.index <= machine_.log.snapshot->index;
  });
}

void RaftCoordinator::Install(const consensus::Snapshot& snapshot) {
  if (snapshot.state.empty()) return Adopt(world_.first_topology());
  consensus::ByteReader in(snapshot.state);
  const TopologyPtr topology = world_.documents().Load(in.Text());
  if (topology == nullptr) {
    return world_.verdict().Violated("coordinator", "a snapshot can't be read");
  }
  Adopt(topology);
  outcomes_.clear();
  for (uint64_t left = in.Number(); left > 0 && in.ok(); --left) {
    Outcomes& of = outcomes_[in.Number()];
    of.settled = in.Number();
    for (uint64_t more = in.Number(); more > 0 && in.ok(); --more) {
      const uint64_t request = in.Number();
      of.known[request] = static_cast<absl::StatusCode>(in.Byte());
    }
  }
}

// --- Callbacks -----------------------------------------------------------------------------------

void RaftCoordinator::Tell() {
  const bool is_newer = told_topology_ != topology_;
  const bool other_leader = told_leader_ != raft_.leader();
  told_topology_ = topology_;
  told_leader_ = raft_.leader();
  for (cluster::TopologyWatcher* watcher : watchers_) {
    if (is_newer) watcher->OnTopology(topology_);
    if (other_leader) watcher->OnLeader(leader());
  }
}

void RaftCoordinator::CallBack() {
  while (!due_.empty()) {
    auto calls = std::exchange(due_, {});
    for (auto& [done, status] : calls) done(status);
  }
}

}  // namespace henge::sim
