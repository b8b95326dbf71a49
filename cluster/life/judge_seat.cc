// SPDX-License-Identifier: Apache-2.0
#include "cluster/life/judge_seat.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace henge::cluster {
namespace {

constexpr int kMaxConfirming = 8;
constexpr int kRoundsInTimeout = 20;  // Of judging; and barriers, while others are on their way.
constexpr int kBidsInTimeout = 5;

std::string_view Subject(const Change& change) {
  if (const auto* promote = std::get_if<Promote>(&change)) return promote->to.view();
  if (const auto* mark = std::get_if<MarkNode>(&change)) return mark->id.view();
  return {};
}

}  // namespace

JudgeSeat::JudgeSeat(const JudgeSeatOptions& options, Coordinator& coordinator,
                     std::shared_ptr<Desk> desk, Petitions& petitions,
                     std::function<void(const BeatAnswer&)> send)
    : options_(options),
      timeout_(options.node_timeout_ms * 1000),
      coordinator_(coordinator),
      desk_(std::move(desk)),
      petitions_(petitions),
      send_(std::move(send)) {}

void JudgeSeat::OnTopology(const TopologyPtr& topology) {
  if (judge_ == nullptr) return;
  judge_->Adopt(topology, now());
  if (judge_->in_office()) return;
  Leave(topology->office().judge == options_.self ? "it takes office anew"
                                                  : "another has taken office");
}

void JudgeSeat::OnLeader(bool leads) {
  leads_ = leads;
  if (!leads) return Leave("another leads the coordinator");
  next_bid_ = INT64_MIN;
  Bid();
}

void JudgeSeat::Bid() {
  if (!leads_ || bidding_ || judge_ != nullptr || now() < next_bid_) return;
  if (coordinator_.topology()->Find(options_.self) == nullptr) return;
  Ask(/*settled=*/false);
}

void JudgeSeat::SetNodeTimeout(int64_t timeout_ms) {
  options_.node_timeout_ms = timeout_ms;
  timeout_ = timeout_ms * 1000;
}

// In office: whether the document says of leases what is so, and no more than what is left.
void JudgeSeat::Renew() {
  if (!leads_ || bidding_ || judge_ == nullptr || now() < next_bid_) return;
  const TopologyPtr topology = coordinator_.topology();
  const Office& office = topology->office();
  if (office.term != judge_->term()) return;
  const bool waited = judge_->has_waited(now());
  const bool other = office.lease_ms != LeaseMsFor(options_.node_timeout_ms);
  if (other || (waited && office.wait_ms > office.lease_ms)) Ask(/*settled=*/waited);
}

// `settled`: as who is in office, that has waited for what was before its term.
void JudgeSeat::Ask(bool settled) {
  bidding_ = true;
  next_bid_ = now() + timeout_ / kBidsInTimeout;
  const uint64_t term =
      (judge_ != nullptr ? judge_->term() : coordinator_.topology()->office().term) + 1;
  petitions_.Ask(TakeOffice{.judge = options_.self,
                            .term = term,
                            .lease_ms = LeaseMsFor(options_.node_timeout_ms),
                            .settled = settled},
                 [this, term](const absl::Status& outcome) {
                   bidding_ = false;
                   if (outcome.ok()) return Sit(term);
                   LogVerbose("This node did not get the judge's office",
                              {{"term", term}, {"error", Std(outcome.message())}});
                 });
}

void JudgeSeat::Sit(uint64_t term) {
  const TopologyPtr topology = coordinator_.topology();
  const Office& office = topology->office();
  if (!leads_ || office.judge != options_.self || office.term != term) return;
  judge_ =
      std::make_unique<FailureDetector>(options_.self, topology, options_.node_timeout_ms, now());
  heard_ = false;
  next_confirm_ = next_judging_ = 0;
  LogNotice("This node judges failures from now on",
            {{"term", term}, {"wait_ms", office.wait_ms}, {"lease_ms", office.lease_ms}});
}

void JudgeSeat::Leave(std::string_view why) {
  if (judge_ == nullptr) return;
  LogNotice("This node judges no more", {{"term", judge_->term()}, {"reason", why}});
  for (const uint64_t petition : judgements_) petitions_.Forget(petition);
  judgements_.clear();
  down_.clear();
  judge_.reset();
}

// --- Leases --------------------------------------------------------------------------------------

void JudgeSeat::Hear(const NodeBeat& beat) {
  if (judge_ == nullptr) return;
  judge_->Hear(beat, now());
  heard_ = true;
  Confirm();
}

// One barrier for all beats that came since the last one began; another beside it when that takes
// long.
void JudgeSeat::Confirm() {
  if (judge_ == nullptr || !heard_ || confirming_ >= kMaxConfirming) return;
  if (confirming_ > 0 && now() < next_confirm_) return;
  heard_ = false;
  ++confirming_;
  next_confirm_ = now() + timeout_ / kRoundsInTimeout;
  const uint64_t ticket = judge_->StartConfirm();
  coordinator_.Barrier(options_.node_timeout_ms, [this, desk = desk_, term = judge_->term(),
                                                  ticket](const absl::Status& outcome) {
    desk->Call([this, term, ticket, outcome] { OnConfirmed(term, ticket, outcome); });
  });
}

void JudgeSeat::OnConfirmed(uint64_t term, uint64_t ticket, const absl::Status& outcome) {
  --confirming_;
  if (judge_ == nullptr || judge_->term() != term) return;
  if (outcome.ok()) {
    OnTopology(coordinator_.topology());
    if (judge_ == nullptr) return;
    for (const BeatAnswer& answer : judge_->Confirm(ticket)) send_(answer);
  }
  Confirm();
}

// --- Judgements ----------------------------------------------------------------------------------

void JudgeSeat::Tick() {
  Bid();
  Renew();
  Confirm();
  if (judge_ == nullptr || now() < next_judging_) return;
  next_judging_ = now() + timeout_ / kRoundsInTimeout;
  Judge();
  TellDown();
}

void JudgeSeat::Judge() {
  for (Judgement& judgement : judge_->Tick(now())) {
    LogNotice("Judged", {{"change", NameOf(judgement.change)},
                         {"node", Subject(judgement.change)},
                         {"reason", judgement.reason}});
    auto petition = std::make_shared<uint64_t>(0);
    *petition = petitions_.Ask(
        judgement.change, [this, petition, change = judgement.change](const absl::Status& outcome) {
          judgements_.erase(*petition);
          if (judge_ == nullptr) return;
          if (outcome.ok()) OnTopology(coordinator_.topology());
          if (judge_ != nullptr) judge_->Settled(change, outcome.ok());
        });
    judgements_.insert(*petition);
  }
}

void JudgeSeat::TellDown() {
  const std::set<GroupId> down(judge_->groups_down().begin(), judge_->groups_down().end());
  for (const GroupId& group : down) {
    if (down_.contains(group)) continue;
    LogWarning("A group is down: nobody who is in sync, and heard of, can lead it",
               {{"group", group.view()}});
  }
  down_ = down;
}

absl::Status JudgeSeat::Force(const GroupId& group, const NodeId& to) {
  if (judge_ == nullptr) return absl::UnavailableError("this node does not judge failures");
  return judge_->Force(group, to, now());
}

}  // namespace henge::cluster
