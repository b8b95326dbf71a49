// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/driver.h"

#include <absl/strings/str_cat.h>

#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"

namespace henge::consensus {

namespace {

constexpr int64_t kAgainTicks = 8;
constexpr int64_t kSoonTicks = 1;

// What a refusal means for who asked; OK: it is to be tried again.
absl::Status Verdict(Refusal refusal) {
  switch (refusal) {
    case Refusal::kInvalid:
      return absl::FailedPreconditionError("the membership does not allow such a change");
    case Refusal::kTooMuch:
      return absl::ResourceExhaustedError("the command is too large, or too many are waiting");
    case Refusal::kBroken:
      return absl::DataLossError("consensus has stopped on this node");
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> Driver::Start(const DriverOptions& options,
                                                      persistence::FileSystem& files,
                                                      ReplicatedState& state, Transport& transport,
                                                      std::string* torn) {
  auto first = std::make_shared<Snapshot>();
  first->members = options.first_members;
  absl::StatusOr<Wal::Opened> opened = Wal::Open(files, options.wal, std::move(first));
  if (!opened.ok()) return opened.status();
  if (torn != nullptr) *torn = opened->torn;
  std::unique_ptr<Driver> driver(new Driver(options, state, transport, *std::move(opened)));
  if (!driver->fault_.empty()) return absl::DataLossError(Absl(driver->fault_));
  driver->courier_ =
      std::make_unique<cluster::Courier>(options.tick, [raw = driver.get()] { raw->Tick(); });
  return driver;
}

Driver::Driver(const DriverOptions& options, ReplicatedState& state, Transport& transport,
               Wal::Opened opened)
    : options_(options),
      state_(state),
      transport_(transport),
      wal_(std::move(opened.wal)),
      nonce_(RandomHex(32)) {
  const SnapshotPtr snapshot = opened.saved.snapshot;
  state_.Load(snapshot->index, snapshot->state);
  state_.Members(snapshot->index, snapshot->members);
  raft_ = std::make_unique<Raft>(options.raft, std::move(opened.saved));
  transport_.Members(raft_->membership());
  // Who votes alone waits for nobody.
  if (raft_->membership().voters() == 1) raft_->Campaign();
  Flush();
}

Driver::~Driver() {
  if (courier_ != nullptr) courier_->Stop();
  FailAll(absl::AbortedError("the node stops"));
}

void Driver::Receive(Message message) {
  courier_->Call([this, message = std::move(message)] {
    raft_->Step(message);
    FlushSoon();
  });
}

void Driver::ReportLost(PeerId peer) {
  courier_->Call([this, peer] { raft_->ReportLost(peer); });
}

void Driver::Propose(std::string command, Done done) {
  Enqueue({.command = std::move(command), .done = std::move(done)});
}

void Driver::Change(MembershipChange change, Done done) {
  Enqueue({.kind = EntryKind::kMembership, .change = std::move(change), .done = std::move(done)});
}

void Driver::Enqueue(Request request) {
  courier_->Call([this, request = std::move(request)]() mutable {
    if (!fault_.empty()) return request.done(Verdict(Refusal::kBroken));
    request.deadline = now_ + options_.patience / options_.tick + 1;
    const uint64_t sequence = next_sequence_++;
    requests_.emplace(sequence, std::move(request));
    if (session_ != 0) SendRequest(sequence);
    if (session_ == 0 && now_ >= session_again_) SendSession();
    FlushSoon();
  });
}

void Driver::Read(Done done) {
  courier_->Call([this, done = std::move(done)]() mutable {
    if (!fault_.empty()) return done(Verdict(Refusal::kBroken));
    const uint64_t context = next_context_++;
    reads_[context] = {.done = std::move(done),
                       .deadline = now_ + options_.patience / options_.tick + 1};
    SendRead(context);
    FlushSoon();
  });
}

void Driver::Transfer(PeerId to) {
  courier_->Call([this, to] {
    raft_->Transfer(to);
    FlushSoon();
  });
}

DriverStatus Driver::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

void Driver::SendSession() {
  const Refusal refusal = raft_->OpenSession(nonce_);
  session_again_ = now_ + (refusal == Refusal::kNone ? kAgainTicks : kSoonTicks);
}

void Driver::SendRequest(uint64_t sequence) {
  Request& request = requests_.at(sequence);
  const RequestId id{session_, sequence, requests_.begin()->first};
  const Refusal refusal = request.kind == EntryKind::kMembership
                              ? raft_->ChangeMembership(id, request.change)
                              : raft_->Propose(id, request.command);
  request.again = now_ + (refusal == Refusal::kNone ? kAgainTicks : kSoonTicks);
  if (refusal != Refusal::kNone) Refused({id, refusal});
}

void Driver::SendRead(uint64_t context) {
  const Refusal refusal = raft_->Read(context);
  reads_.at(context).again = now_ + (refusal == Refusal::kNone ? kAgainTicks : kSoonTicks);
}

void Driver::Tick() {
  ++now_;
  if (!fault_.empty()) return;
  raft_->Tick();
  if (session_ == 0 && !requests_.empty() && now_ >= session_again_) SendSession();
  std::vector<uint64_t> late;
  for (const auto& [sequence, request] : requests_) {
    if (now_ >= request.deadline) late.push_back(sequence);
  }
  for (const uint64_t sequence : late)
    Finish(sequence, absl::DeadlineExceededError("no majority has agreed in time"));
  std::vector<uint64_t> due;
  for (const auto& [sequence, request] : requests_) {
    if (session_ != 0 && now_ >= request.again) due.push_back(sequence);
  }
  for (const uint64_t sequence : due) {
    if (requests_.contains(sequence)) SendRequest(sequence);
  }
  std::vector<Done> unread;
  for (auto at = reads_.begin(); at != reads_.end();) {
    if (now_ >= at->second.deadline) {
      unread.push_back(std::move(at->second.done));
      at = reads_.erase(at);
      continue;
    }
    if (at->second.index == 0 && now_ >= at->second.again) SendRead(at->first);
    ++at;
  }
  for (const Done& done : unread)
    done(absl::DeadlineExceededError("no leader has answered in time"));
  Flush();
}

// Once for all errands that are waiting: they share a sync.
void Driver::FlushSoon() {
  if (std::exchange(flush_called_, true)) return;
  courier_->Call([this] { Flush(); });
}

void Driver::Flush() {
  flush_called_ = false;
  while (fault_.empty() && Perform()) {
  }
  if (fault_.empty() && !raft_->fault().empty()) {
    fault_ = raft_->fault();
    LogError("consensus has stopped on this node", {{"why", std::string_view(fault_)}});
    FailAll(Verdict(Refusal::kBroken));
  }
  if (fault_.empty() && !writing_) CompactIfLong();
  Publish();
}

// A disk that is full may have room again: the same Ready is tried with the next tick. Nothing of
// it was sent or applied.
bool Driver::Perform() {
  if (!writing_) {
    if (!raft_->HasReady()) return false;
    writing_ = raft_->TakeReady();
  }
  if (const absl::Status written = wal_->Write(*writing_); !written.ok()) {
    LogWarning("consensus can't write its log", {{"error", Std(written.message())}});
    return false;
  }
  Ready ready = *std::exchange(writing_, std::nullopt);
  for (Message& message : ready.messages) transport_.Send(std::move(message));
  if (ready.snapshot != nullptr) {
    state_.Load(ready.snapshot->index, ready.snapshot->state);
    state_.Members(ready.snapshot->index, ready.snapshot->members);
    transport_.Members(ready.snapshot->members);
  }
  for (const Committed& committed : ready.committed) Apply(committed);
  raft_->Advance();
  for (const RefusedRequest& refused : ready.refused) Refused(refused);
  for (const ReadState& read : ready.reads) TakeRead(read);
  ReleaseReads();
  // A membership holds, and its peers are to be reached, before it is committed.
  for (const Entry& entry : ready.entries) {
    if (entry.kind != EntryKind::kMembership) continue;
    transport_.Members(raft_->membership());
    break;
  }
  return true;
}

void Driver::Apply(const Committed& committed) {
  const Entry& entry = committed.entry;
  if (entry.kind == EntryKind::kCommand && committed.fate == Fate::kApply)
    state_.Apply(entry.index, entry.data);
  if (entry.kind == EntryKind::kMembership) {
    if (const auto members = Membership::Decode(entry.data)) state_.Members(entry.index, *members);
  }
  ApplyOwn(committed);
}

void Driver::ApplyOwn(const Committed& committed) {
  const Entry& entry = committed.entry;
  if (entry.kind == EntryKind::kSession && entry.data == nonce_ && session_ == 0) {
    session_ = entry.index;
    std::vector<uint64_t> waiting;
    for (const auto& [sequence, request] : requests_) waiting.push_back(sequence);
    for (const uint64_t sequence : waiting) {
      if (requests_.contains(sequence)) SendRequest(sequence);
    }
  }
  if (entry.request.session != session_ || session_ == 0) return;
  if (committed.fate != Fate::kExpired) return Finish(entry.request.sequence, absl::OkStatus());
  Refused({entry.request, Refusal::kExpired});
}

void Driver::Refused(const RefusedRequest& refused) {
  const auto at = requests_.find(refused.request.sequence);
  if (refused.request.session != session_ || at == requests_.end()) return;
  if (refused.refusal == Refusal::kExpired) {
    // Whether it had been applied before its session ended is not known any more.
    session_ = 0;
    nonce_ = RandomHex(32);
    session_again_ = 0;
    return Finish(refused.request.sequence, absl::AbortedError("its session has ended"));
  }
  if (const absl::Status verdict = Verdict(refused.refusal); !verdict.ok())
    return Finish(refused.request.sequence, verdict);
  if (refused.refusal != Refusal::kDuplicate) at->second.again = now_ + kSoonTicks;
}

void Driver::TakeRead(const ReadState& read) {
  const auto at = reads_.find(read.context);
  if (at == reads_.end()) return;
  if (read.refusal == Refusal::kNone)
    at->second.index = std::max<Index>(read.index, 1);
  else
    at->second.again = now_ + kSoonTicks;
}

void Driver::ReleaseReads() {
  std::vector<Done> ready;
  for (auto at = reads_.begin(); at != reads_.end();) {
    if (at->second.index == 0 || at->second.index > raft_->log().applied()) {
      ++at;
      continue;
    }
    ready.push_back(std::move(at->second.done));
    at = reads_.erase(at);
  }
  for (const Done& done : ready) done(absl::OkStatus());
}

void Driver::CompactIfLong() {
  if (raft_->log().applied() < raft_->snapshot()->index + options_.snapshot_entries) return;
  const SnapshotPtr snapshot = raft_->Compact(state_.Save(), options_.keep_entries);
  const RaftLog& log = raft_->log();
  const absl::Status written =
      wal_->Compact(*snapshot, log.Slice(snapshot->index + 1, log.stable(), UINT64_MAX));
  if (!written.ok())
    LogWarning("consensus can't write its snapshot", {{"error", Std(written.message())}});
}

void Driver::Finish(uint64_t sequence, const absl::Status& status) {
  const auto at = requests_.find(sequence);
  if (at == requests_.end()) return;
  const Done done = std::move(at->second.done);
  requests_.erase(at);
  done(status);
}

void Driver::FailAll(const absl::Status& status) {
  for (auto& [sequence, request] : std::exchange(requests_, {})) request.done(status);
  for (auto& [context, read] : std::exchange(reads_, {})) read.done(status);
}

void Driver::Publish() {
  const std::lock_guard lock(status_mutex_);
  status_.role = raft_->role();
  status_.term = raft_->term();
  status_.leader = raft_->leader();
  status_.commit = raft_->log().commit();
  status_.applied = raft_->log().applied();
  if (status_.members != raft_->membership()) status_.members = raft_->membership();
  status_.fault = fault_;
}

}  // namespace henge::consensus
