// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_core.h"

#include <algorithm>
#include <future>
#include <utility>

#include "base/random.h"
#include "cluster/etcd/etcd_credentials.h"

namespace henge::cluster {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLineFails{1000};     // Until another connection is tried,
constexpr milliseconds kMemberFails{300};    // if there are several members.
constexpr std::chrono::seconds kSilence{3};  // Of etcd, until nobody is known who leads.

}  // namespace

EtcdCoordinator::Core::Core(const EtcdOptions& options, persistence::FileSystem& files)
    : options_(options),
      self_(options.self),
      file_(files, options.directory),
      next_request_(EntropySeed() | 1) {}

EtcdCoordinator::Core::~Core() {
  if (courier_ != nullptr) courier_->Stop();
  if (candidacy_ != nullptr) candidacy_->Resign();
  queue_.reset();
  for (auto& [key, barrier] : std::exchange(barriers_, {}))
    barrier.done(absl::UnavailableError("the node stops"));
  EndMeetings(absl::AbortedError("the node stops"));
  candidacy_.reset();
  keys_.reset();
  client_.reset();
}

// On the courier's thread, as everything else.
absl::Status EtcdCoordinator::Core::Start() {
  if (options_.endpoints.empty()) return absl::InvalidArgumentError("etcd has no endpoint");
  courier_ = std::make_unique<Courier>(options_.tick, [this] { OnRound(); });
  std::promise<absl::Status> outcome;
  Post([&] { outcome.set_value(Begin()); });
  return outcome.get_future().get();
}

absl::Status EtcdCoordinator::Core::Begin() {
  auto credentials = EtcdCredentials(options_.access);
  if (!credentials.ok()) return credentials.status();
  absl::StatusOr<std::optional<MemberIdentity>> known = file_.Read();
  if (!known.ok()) return known.status();
  absl::StatusOr<MemberIdentity> member = *known ? **known : FirstMember();
  if (!member.ok()) return member.status();
  member_ = *std::move(member);
  const absl::StatusOr<TopologyPtr> first = FirstTopology(member_.node);
  if (!first.ok()) return first.status();
  if (absl::Status written = file_.Write(member_); !written.ok()) return written;
  const auto post = [this](std::function<void()> errand) { Post(std::move(errand)); };
  const auto tell = [this] { bulletin_->Tell(); };
  bulletin_ = std::make_unique<Bulletin>(member_.node, *first);
  client_ =
      std::make_unique<EtcdClient>(options_.endpoints, *std::move(credentials),
                                   EtcdUser{options_.access.user, options_.access.password},
                                   options_.endpoints.size() > 1 ? kMemberFails : kLineFails, post);
  keys_ = std::make_unique<TopologyKeys>(
      options_.prefix, member_.cluster, options_.call_patience, *client_, post,
      TopologyKeys::Listener{.record = [this] { FollowRecord(); },
                             .leader = [this] { TellLeader(); }});
  queue_ = std::make_unique<ChangeQueue>(*keys_, *client_, options_.call_patience, tell);
  candidacy_ = std::make_unique<Candidacy>(*keys_, *client_, options_.lease);
  started_ = true;
  return absl::OkStatus();
}

void EtcdCoordinator::Core::OnRound() {
  if (!started_) return;
  keys_->OnRound();
  FollowRecord();
  queue_->OnRound();
  BarrierRound();
  const Node* self = entered_ ? bulletin_->topology()->Find(member_.node) : nullptr;
  candidacy_->OnRound(member_.node, self != nullptr && !self->no_vote);
  TellLeader();
}

// Of others the key's lease is trusted as long as etcd is heard of; of oneself the own clock
// counts.
void EtcdCoordinator::Core::TellLeader() {
  const NodeId holder = keys_->leader().holder;
  const bool certain = holder == member_.node ? candidacy_->Holds(holder)
                                              : Clock::now() - client_->heard_at() < kSilence;
  const bool known = entered_ && !holder.IsZero() && certain;
  bulletin_->PostLeader(known ? std::optional<NodeId>(holder) : std::nullopt);
  bulletin_->Tell();
}

void EtcdCoordinator::Core::Propose(Proposal proposal, ProposalDone done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, proposal = std::move(proposal), owed]() mutable {
    if (out_) return owed->Take()(absl::UnavailableError("this node is in no cluster"));
    HearOwn(proposal.change);
    queue_->Ask({.number = proposal.request != 0 ? proposal.request : NewRequest(),
                 .changes = {std::move(proposal.change)},
                 .expected_version = proposal.expected_version,
                 .timeout_ms = proposal.timeout_ms,
                 .done = owed->Take()});
  });
}

// --- Barriers ------------------------------------------------------------------------------------

void EtcdCoordinator::Core::Barrier(int64_t timeout_ms, BarrierDone done) {
  const auto deadline = Clock::now() + milliseconds(timeout_ms);
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, deadline, owed] {
    const uint64_t key = next_barrier_++;
    barriers_.emplace(key, PendingBarrier{.done = owed->Take(), .deadline = deadline});
    AskBarrier(key);
  });
}

void EtcdCoordinator::Core::AskBarrier(uint64_t key) {
  PendingBarrier& barrier = barriers_.at(key);
  if (barrier.asking || !entered_) return;
  const auto left = std::chrono::ceil<milliseconds>(barrier.deadline - Clock::now());
  if (left <= milliseconds(0)) return;
  barrier.asking = true;
  keys_->Confirm(std::min(left, options_.call_patience), [this, key](const absl::Status& status) {
    const auto at = barriers_.find(key);
    if (at == barriers_.end()) return;
    at->second.asking = false;
    if (status.ok() && entered_) EndBarrier(key, status);  // Else again, with the next round.
  });
}

void EtcdCoordinator::Core::EndBarrier(uint64_t key, const absl::Status& status) {
  const auto at = barriers_.find(key);
  const BarrierDone done = std::move(at->second.done);
  barriers_.erase(at);
  bulletin_->Tell();
  done(status);
}

void EtcdCoordinator::Core::BarrierRound() {
  const Clock::time_point now = Clock::now();
  std::vector<uint64_t> keys;
  for (const auto& [key, barrier] : barriers_) keys.push_back(key);
  for (const uint64_t key : keys) {
    const auto at = barriers_.find(key);
    if (at == barriers_.end()) continue;
    if (now < at->second.deadline) {
      AskBarrier(key);
    } else {
      EndBarrier(key, absl::DeadlineExceededError("etcd did not answer in time"));
    }
  }
}

}  // namespace henge::cluster
