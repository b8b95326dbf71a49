// SPDX-License-Identifier: Apache-2.0
#include "cluster/embedded/pending_requests.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "cluster/topology/codec.h"

namespace henge::cluster {
namespace {

absl::Status Unknown() {
  return absl::DeadlineExceededError("the coordinator did not answer in time");
}

// The node that a change takes out of the cluster; zero: none.
NodeId Departing(const Change& change) {
  if (const auto* remove = std::get_if<RemoveNode>(&change)) return remove->id;
  if (const auto* reset = std::get_if<ResetNode>(&change)) return reset->id;
  return NodeId();
}

bool Votes(const Topology& topology, const NodeId& node) {
  return std::ranges::count(topology.voters(), node) > 0;
}

}  // namespace

void PendingRequests::BeginStay(Stay& stay) {
  stay_ = &stay;
  ++stays_;
}

void PendingRequests::EndStay() {
  stay_ = nullptr;
  ++stays_;
  std::vector<uint64_t> keys;
  for (const auto& [key, request] : requests_) keys.push_back(key);
  for (const uint64_t key : keys) {
    const auto at = requests_.find(key);
    if (at == requests_.end()) continue;
    const bool proposed = at->second.unknown || at->second.under_way;
    Finish(key, proposed ? Unknown() : absl::UnavailableError("this node has left its cluster"));
  }
}

void PendingRequests::Propose(Proposal proposal, uint64_t number, ProposalDone done) {
  const auto deadline = Clock::now() + std::chrono::milliseconds(proposal.timeout_ms);
  Add({.proposal = std::move(proposal),
       .number = number,
       .done = std::move(done),
       .deadline = deadline});
}

void PendingRequests::Barrier(int64_t timeout_ms, BarrierDone done) {
  Add({.done = std::move(done), .deadline = Clock::now() + std::chrono::milliseconds(timeout_ms)});
}

void PendingRequests::Add(Request request) {
  const uint64_t key = next_key_++;
  requests_.emplace(key, std::move(request));
  Send(key);
}

void PendingRequests::Send(uint64_t key) {
  Request& request = requests_.at(key);
  if (stay_ == nullptr || request.under_way) return;
  if (request.proposal) return SendProposal(key, request);
  request.under_way = true;
  stay_->driver().Read([this, key, stays = stays_](const absl::Status& status) {
    post_([this, key, stays, status] {
      if (stays == stays_) OnAnswer(key, status);
    });
  });
}

void PendingRequests::SendProposal(uint64_t key, Request& request) {
  if (held_) return Finish(key, absl::UnavailableError("this node is joining another cluster"));
  // Before the founding, or for a newcomer that has read nothing yet, there is nothing to change.
  if (stay_->agreed().cluster().empty()) return;
  const TopologyPtr topology = stay_->agreed().topology();
  const NodeId departing = Departing(request.proposal->change);
  if (!departing.IsZero() && Votes(*topology, departing)) {
    if (const absl::Status may = Depart(request); !may.ok()) return Finish(key, may);
    return;  // Until it has lost its vote.
  }
  std::string entry = EncodeEntry({.proposer = stay_->own().peer,
                                   .number = request.number,
                                   .change = request.proposal->change,
                                   .expected_version = request.proposal->expected_version});
  if (entry.size() > kMaxChangeBytes)
    return Finish(key, absl::InvalidArgumentError("the change is too large"));
  request.under_way = true;
  request.unknown = true;
  stay_->driver().Propose(std::move(entry), [this, key, stays = stays_](const absl::Status& done) {
    post_([this, key, stays, done] {
      if (stays == stays_) OnAnswer(key, done);
    });
  });
}

// Whether it could go if it did not vote; then it is told to give up its vote, once.
absl::Status PendingRequests::Depart(Request& request) {
  const NodeId node = Departing(request.proposal->change);
  if (request.departing == node) return absl::OkStatus();
  const TopologyPtr topology = stay_->agreed().topology();
  TopologyParts parts = topology->parts();
  std::erase(parts.voters, node);
  const auto without = Topology::FromParts(std::move(parts));
  if (!without.ok()) return without.status();
  const auto after = cluster::Apply(**without, request.proposal->change);
  if (!after.ok()) return after.status();
  const bool others = std::ranges::any_of((*after)->nodes(), [](const Node& other) {
    return !other.no_vote && !other.leaving && !other.failed;
  });
  if (!others) return absl::FailedPreconditionError("no other node could keep the topology");
  request.departing = node;
  Node marked = *topology->Find(node);
  marked.no_vote = true;
  Propose({.change = UpdateNode{std::move(marked)}, .timeout_ms = request.proposal->timeout_ms},
          EntropySeed() | 1, [](const absl::Status&) {});
  return absl::OkStatus();
}

// It does not go after all.
void PendingRequests::LetVote(const NodeId& node) {
  if (stay_ == nullptr) return;
  const TopologyPtr topology = stay_->agreed().topology();
  const Node* known = topology->Find(node);
  if (known == nullptr || !known->no_vote) return;
  Node voting = *known;
  voting.no_vote = false;
  Propose({.change = UpdateNode{std::move(voting)}}, EntropySeed() | 1, [](const absl::Status&) {});
}

void PendingRequests::OnAnswer(uint64_t key, const absl::Status& status) {
  const auto at = requests_.find(key);
  if (at == requests_.end()) return;
  Request& request = at->second;
  request.under_way = false;
  if (absl::IsResourceExhausted(status))
    return Finish(key, absl::UnavailableError(status.message()));
  if (absl::IsDataLoss(status))
    return Finish(key, request.unknown ? Unknown() : absl::UnavailableError(status.message()));
  if (!status.ok()) return;  // Again, with the next round.
  if (!request.proposal) return Finish(key, status);
  const auto outcome = stay_->agreed().OutcomeOf(stay_->own().peer, request.number);
  Finish(key, outcome.value_or(Unknown()));
}

void PendingRequests::OnRound() {
  const Clock::time_point now = Clock::now();
  std::vector<uint64_t> keys;
  for (const auto& [key, request] : requests_) keys.push_back(key);
  for (const uint64_t key : keys) {
    const auto at = requests_.find(key);
    if (at == requests_.end()) continue;
    if (now < at->second.deadline) {
      Send(key);
    } else if (at->second.unknown || at->second.under_way || !at->second.departing.IsZero()) {
      Finish(key, Unknown());
    } else {
      Finish(key, absl::UnavailableError("this node takes no part in its cluster yet"));
    }
  }
}

void PendingRequests::Finish(uint64_t key, const absl::Status& status) {
  const auto at = requests_.find(key);
  const ProposalDone done = std::move(at->second.done);
  const NodeId departing = at->second.departing;
  requests_.erase(at);
  if (!departing.IsZero() && !status.ok()) LetVote(departing);
  tell_();
  done(status);
}

}  // namespace henge::cluster
