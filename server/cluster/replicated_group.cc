// SPDX-License-Identifier: Apache-2.0
#include "server/cluster/replicated_group.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "server/cluster/departure.h"
#include "server/cluster/position_file.h"
#include "server/node.h"

namespace henge::server {

using cluster::DataState;
using cluster::NodeId;

namespace {

constexpr int64_t kLeaseWaitMicros = 1'000'000;  // Then who writes is told that it can't be.
constexpr auto kLoadingPause = std::chrono::milliseconds(5);
constexpr auto kBetweenNotes = std::chrono::milliseconds(500);
constexpr int64_t kDrainMs = 1;  // Until it is looked again whether replies are held.

DataState StateOf(HeldData held) {
  switch (held) {
    case HeldData::kLoading:
      return DataState::kLoading;
    case HeldData::kRecovered:
      return DataState::kRecovered;
    case HeldData::kLive:
      return DataState::kLive;
    default:
      return DataState::kNothing;
  }
}

// Replies of one worker that tell of writes: when all that were made before writes stopped are on
// their way, the worker counts itself out of `busy`. Each step runs on the worker.
struct Drain {
  Node& node;
  size_t worker;
  std::weak_ptr<std::atomic<int>> busy;
  uint64_t empty_in = 0;  // The round in which no reply was held any more.

  void operator()();

 private:
  bool HoldsReplies() const {
    Dispatcher& dispatcher = *node.dispatchers()[worker];
    const bool by_disk = node.journaling().holds_replies() && !dispatcher.commits().empty();
    return by_disk || (node.replication().acknowledgements().holds_replies() &&
                       !dispatcher.followers_commits().empty());
  }
};

void Drain::operator()() {
  const auto count = busy.lock();
  if (count == nullptr || !node.pause().stops_writes.load()) return;  // The hand-over has ended.
  net::Worker& own = *node.workers()[worker];
  if (HoldsReplies()) {
    empty_in = 0;
    own.AddTimer(kDrainMs, *this);
    return;
  }
  // What was let go in a round is sent at its end.
  const uint64_t round = own.stats().rounds.get();
  if (empty_in != 0 && empty_in != round) {
    count->fetch_sub(1);
    return;
  }
  empty_in = round;
  own.Post(*this);
}

}  // namespace

ReplicatedGroup::ReplicatedGroup(Node& node, const NodeId& self) : node_(node) {
  node_.replication().Govern(self.str());
  thread_ = std::thread([this] { Run(); });
}

ReplicatedGroup::~ReplicatedGroup() { Stop(); }

void ReplicatedGroup::Stop() {
  {
    const std::lock_guard lock(mu_);
    stop_ = true;
    lease_ = INT64_MIN;
    node_.replication().lease().Set(INT64_MIN);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  EndStop();  // Whoever still waits is answered that there is no lease.
}

// --- Words ---------------------------------------------------------------------------------------

void ReplicatedGroup::Lead(const cluster::GroupId& group, Epoch epoch) {
  SayRole({.kind = Kind::kLead, .term = {group.str(), epoch}});
}

void ReplicatedGroup::Follow(const cluster::GroupId& group, Epoch epoch,
                             const LeaderAddress& leader) {
  SayRole({.kind = Kind::kFollow, .term = {group.str(), epoch}, .leader = leader});
}

void ReplicatedGroup::Leave() { SayRole({.kind = Kind::kLeave}); }

void ReplicatedGroup::SayRole(Word word) {
  const std::lock_guard lock(mu_);
  const bool again = role_ && role_->kind == word.kind && role_->term.group == word.term.group &&
                     role_->term.epoch == word.term.epoch && role_->leader == word.leader;
  if (again) return;
  // Whatever role it is, a lease that was given before is not for it.
  lease_ = INT64_MIN;
  node_.replication().lease().Set(INT64_MIN);
  role_ = word;
  words_.push_back(std::move(word));
  changed_.notify_all();
}

void ReplicatedGroup::SetLease(int64_t until_micros) {
  const std::lock_guard lock(mu_);
  if (!role_ || role_->kind != Kind::kLead) return;
  lease_ = until_micros;
  if (words_.empty()) PutLeaseInForce();
}

void ReplicatedGroup::PutLeaseInForce() {
  node_.replication().lease().Set(lease_);
  if (lease_ > SystemClock().MonotonicMicros() && awaits_lease_.exchange(0) != 0) EndStop();
}

void ReplicatedGroup::BecomeLive() {
  const std::lock_guard lock(mu_);
  if (!role_ || role_->kind != Kind::kLead) return;
  Word word{.kind = Kind::kLive};
  words_.empty() ? Mark(word) : words_.push_back(std::move(word));
}

void ReplicatedGroup::CountInSync(std::span<const NodeId> followers) {
  Word word{.kind = Kind::kCount};
  for (const NodeId& node : followers) word.counted.push_back(node.str());
  const std::lock_guard lock(mu_);
  // Behind words that wait nothing is acknowledged before they are carried out, this one, too.
  words_.empty() ? Mark(word) : words_.push_back(std::move(word));
}

// --- The thread ----------------------------------------------------------------------------------

void ReplicatedGroup::Run() {
  const ThreadMemory memory;
  std::unique_lock lock(mu_);
  while (true) {
    const auto called = [this] { return stop_ || !words_.empty(); };
    while (!changed_.wait_for(lock, kBetweenNotes, called)) {
      lock.unlock();
      NotePosition();
      lock.lock();
    }
    while (!stop_ && node_.replication().held() == HeldData::kLoading) {
      changed_.wait_for(lock, kLoadingPause);
    }
    if (stop_) return;
    const Word word = words_.front();
    lock.unlock();
    CarryOut(word);
    NotePosition();
    lock.lock();
    words_.pop_front();
    if (words_.empty()) PutLeaseInForce();
  }
}

void ReplicatedGroup::NotePosition() {
  const std::optional<SavedPosition> position = node_.replication().DurablePosition();
  if (!position || (noted_.offset == position->offset && noted_.epoch == position->epoch &&
                    noted_.history_id == position->history_id)) {
    return;
  }
  noted_ = *position;
  const std::string path = PositionFileIn(node_.parameters().appenddirname.load());
  if (const absl::Status status = WritePositionFile(path, *position); !status.ok()) {
    LogWarning("How far the append-only file goes can't be noted",
               {{"error", Std(status.message())}});
  }
}

void ReplicatedGroup::CarryOut(const Word& word) {
  const bool role = word.kind != Kind::kLive && word.kind != Kind::kCount;
  role ? ChangeRole(word) : Mark(word);
}

void ReplicatedGroup::Mark(const Word& word) {
  Replication& replication = node_.replication();
  if (word.kind == Kind::kLive) {
    replication.NoteLive();
  } else {
    replication.acknowledgements().Count(word.counted);
  }
}

void ReplicatedGroup::ChangeRole(const Word& word) {
  Replication& replication = node_.replication();
  const bool led = replication.part() == GroupPart::kLeads;
  {
    store::LockSet locks(node_.store());
    locks.AddAll();
    locks.Lock();
    if (word.kind == Kind::kLead) replication.LeadIn(word.term);
    if (word.kind == Kind::kFollow) {
      replication.FollowIn(word.term, word.leader.host, word.leader.port);
    }
    if (word.kind == Kind::kLeave) replication.Fence();
  }
  awaits_lease_.store(0);
  const bool plain = node_.options().in_group && !node_.options().cluster_enabled;
  if (led && word.kind != Kind::kLead && plain) SendClientsAway(node_);
  if (word.kind != Kind::kLead) return EndStop();  // Who was kept waiting hears of the new leader.
  // The first lease comes with the answer to the next beat: who writes meanwhile waits for it.
  awaits_lease_.store(SystemClock().MonotonicMicros() + kLeaseWaitMicros);
  node_.pause().stops_writes.store(true);
}

// --- As a leader ---------------------------------------------------------------------------------

std::vector<cluster::GroupHost::Follower> ReplicatedGroup::Followers() {
  Replication& replication = node_.replication();
  const std::vector<std::string> fit = replication.acknowledgements().ReviewFit();
  std::vector<Follower> followers;
  for (const Replication::FollowerReport& one : replication.report().followers) {
    const auto node = NodeId::Parse(one.node);
    if (!node) continue;
    const bool online = one.state == FollowerFeed::State::kOnline;
    const bool is_fit = std::find(fit.begin(), fit.end(), one.node) != fit.end();
    followers.push_back({*node, static_cast<uint64_t>(one.offset), online && is_fit});
  }
  return followers;
}

void ReplicatedGroup::StopWrites() {
  node_.pause().stops_writes.store(true);
  node_.replication().SetQuiet(true);
  busy_ = std::make_shared<std::atomic<int>>(static_cast<int>(node_.workers().size()));
  for (size_t i = 0; i < node_.workers().size(); ++i) {
    // Between two rounds: the writes of the last are over, those of the next meet the gate. Their
    // replies must have gone before the lease does, which they need.
    node_.workers()[i]->Post(Drain{.node = node_, .worker = i, .busy = busy_});
  }
}

std::optional<uint64_t> ReplicatedGroup::StoppedAt() {
  if (busy_ == nullptr || busy_->load() > 0) return std::nullopt;
  return static_cast<uint64_t>(node_.replication().offset());
}

void ReplicatedGroup::ResumeWrites() {
  busy_ = nullptr;
  EndStop();
}

void ReplicatedGroup::EndStop() {
  if (!node_.pause().stops_writes.exchange(false)) return;
  node_.replication().SetQuiet(false);
}

// --- For the beat --------------------------------------------------------------------------------

cluster::GroupReport ReplicatedGroup::Report() {
  int64_t awaited = awaits_lease_.load();
  const bool in_vain = awaited != 0 && awaited < SystemClock().MonotonicMicros();
  if (in_vain && awaits_lease_.compare_exchange_strong(awaited, 0)) EndStop();
  const Replication& replication = node_.replication();
  cluster::GroupReport report;
  report.data = StateOf(replication.held());
  report.epoch = replication.epochs().data;
  report.data_epoch = replication.data_epoch();
  const bool has_history = node_.journaling().replicating();
  int64_t offset = has_history ? replication.offset() : 0;
  if (report.data == DataState::kRecovered) {
    offset = std::max(offset, replication.recovered_at_least());
  }
  report.offset = static_cast<uint64_t>(offset);
  return report;
}

cluster::NodeLoad ReplicatedGroup::Load() {
  cluster::NodeLoad load;
  for (DbIndex db = 0; db < node_.store().databases(); ++db) {
    load.keys += node_.store().KeyCount(db);
  }
  load.memory_bytes = UsedMemory();
  const uint64_t operations = SumOver(node_, &ExecutionStats::commands);
  load.operations = operations - std::exchange(operations_, operations);
  return load;
}

}  // namespace henge::server
