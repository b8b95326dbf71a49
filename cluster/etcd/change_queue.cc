// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/change_queue.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/strings.h"

namespace henge::cluster {
namespace {

constexpr size_t kMaxAtOnce = 16;  // Each costs up to a few milliseconds with a thousand nodes.
constexpr size_t kMaxRefusals = 1024;

}  // namespace

void ChangeQueue::Ask(Request request) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(request.timeout_ms);
  waiting_.push_back({.request = std::move(request), .deadline = deadline});
  Write();
}

void ChangeQueue::OnRound() {
  Expire();
  Write();
}

void ChangeQueue::Write() {
  if (writing_ || waiting_.empty() || !keys_.record() || !keys_.trouble().empty()) return;
  std::shared_ptr<Batch> batch = Prepare(kMaxAtOnce);
  absl::StatusOr<std::string> bytes = Encode(batch->next);
  if (!bytes.ok()) {  // Perhaps one alone has room.
    batch = Prepare(1);
    bytes = Encode(batch->next);
  }
  if (!bytes.ok())
    return Refuse(batch->outcomes.front().first, absl::UnavailableError(bytes.status().message()));
  batch->bytes = *std::move(bytes);
  Send(batch);
}

std::shared_ptr<ChangeQueue::Batch> ChangeQueue::Prepare(size_t limit) {
  auto batch = std::make_shared<Batch>();
  batch->base = keys_.revision();
  batch->next = *keys_.record();
  for (const Waiting& waiting : waiting_) {
    if (batch->outcomes.size() == limit) break;
    const uint64_t number = waiting.request.number;
    const bool twice = std::ranges::any_of(
        batch->outcomes, [&](const auto& outcome) { return outcome.first == number; });
    if (!twice) batch->outcomes.emplace_back(number, Decide(waiting.request, *batch));
  }
  return batch;
}

absl::Status ChangeQueue::Decide(const Request& request, Batch& batch) const {
  const auto refused =
      std::ranges::find(refusals_, request.number, &std::pair<uint64_t, absl::Status>::first);
  if (refused != refusals_.end()) return refused->second;
  if (batch.next.WasApplied(request.number)) return absl::OkStatus();
  TopologyPtr topology = batch.next.topology;
  uint64_t expected = request.expected_version;
  for (const Change& change : request.changes) {
    absl::StatusOr<TopologyPtr> next = Apply(*topology, change, std::exchange(expected, 0));
    if (!next.ok()) return next.status();
    topology = *std::move(next);
  }
  batch.next.topology = std::move(topology);
  batch.next.Remember(request.number);
  batch.changes = true;
  return absl::OkStatus();
}

// Also where nothing is put: a refusal counts only if what it was decided on is the present one.
void ChangeQueue::Send(const std::shared_ptr<Batch>& batch) {
  etcdserverpb::TxnRequest txn;
  etcdserverpb::Compare& compare = *txn.add_compare();
  compare.set_target(etcdserverpb::Compare::MOD);
  compare.set_key(keys_.topology_key());
  compare.set_mod_revision(batch->base);
  if (batch->changes) {
    etcdserverpb::PutRequest& put = *txn.add_success()->mutable_request_put();
    put.set_key(keys_.topology_key());
    put.set_value(std::move(batch->bytes));
  }
  txn.add_failure()->mutable_request_range()->set_key(keys_.topology_key());
  if (batch->changes) MarkSent(*batch);
  writing_ = true;
  client_.Txn(std::move(txn), patience_,
              [this, batch](const absl::Status& status, const etcdserverpb::TxnResponse& reply) {
                writing_ = false;
                OnSent(*batch, status, reply);
              });
}

void ChangeQueue::OnSent(const Batch& batch, const absl::Status& status,
                         const etcdserverpb::TxnResponse& reply) {
  if (!status.ok()) {  // Again with the next round, on what is there then.
    last_error_ = std::string(status.message());
    keys_.ReadSoon();
    return;
  }
  if (!reply.succeeded()) {
    keys_.MeetTopology(reply);
    if (keys_.revision() > batch.base) ForgetSent();
    return Write();
  }
  if (batch.changes) keys_.Adopt(batch.next, reply.header().revision());
  for (const auto& [number, outcome] : batch.outcomes) {
    outcome.ok() ? Finish(number, outcome) : Refuse(number, outcome);
  }
  Write();
}

void ChangeQueue::MarkSent(const Batch& batch) {
  for (Waiting& waiting : waiting_) {
    for (const auto& [number, outcome] : batch.outcomes) {
      if (number == waiting.request.number && outcome.ok()) waiting.sent = true;
    }
  }
}

// What was sent on records before the present one is named in it, or can't be applied any more.
void ChangeQueue::ForgetSent() {
  for (Waiting& waiting : waiting_)
    waiting.sent = keys_.record()->WasApplied(waiting.request.number);
}

void ChangeQueue::Refuse(uint64_t number, const absl::Status& why) {
  const bool known =
      std::ranges::any_of(refusals_, [&](const auto& refusal) { return refusal.first == number; });
  if (!known && !absl::IsUnavailable(why)) refusals_.emplace_back(number, why);
  if (refusals_.size() > kMaxRefusals) refusals_.pop_front();
  Finish(number, why);
}

void ChangeQueue::Finish(uint64_t number, const absl::Status& outcome) {
  std::vector<ProposalDone> told;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (waiting.request.number != number) return false;
    told.push_back(std::move(waiting.request.done));
    return true;
  });
  tell_();
  for (const ProposalDone& done : told) done(outcome);
}

void ChangeQueue::Expire() {
  const Clock::time_point now = Clock::now();
  std::vector<Waiting> late;
  std::erase_if(waiting_, [&](Waiting& waiting) {
    if (now < waiting.deadline) return false;
    late.push_back(std::move(waiting));
    return true;
  });
  const std::string trouble = keys_.trouble();
  for (const Waiting& one : late) {
    const std::string why =
        absl::StrCat("etcd did not answer in time: ", trouble.empty() ? last_error_ : trouble);
    one.request.done(one.sent ? absl::DeadlineExceededError(why) : absl::UnavailableError(why));
  }
}

void ChangeQueue::End(std::string_view why) {
  const std::deque<Waiting> left = std::exchange(waiting_, {});
  for (const Waiting& one : left) {
    one.request.done(one.sent ? absl::DeadlineExceededError(Absl(why))
                              : absl::UnavailableError(Absl(why)));
  }
}

}  // namespace henge::cluster
