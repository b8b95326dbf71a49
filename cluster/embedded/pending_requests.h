// SPDX-License-Identifier: Apache-2.0
// PendingRequests: proposals and barriers from when they are asked until their callers know. They
// are given to the stay's driver, again under the same number where it can't tell what became of
// them, and end when their time is up.
//
// A voter that is to leave the cluster must give up its vote first: such a proposal marks the node,
// and waits until the upkeep has taken its vote.
//
// One thread, the coordinator's; `post` brings errands there from any other.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "cluster/coordinator.h"
#include "cluster/embedded/stay.h"

namespace henge::cluster {

class PendingRequests {
 public:
  using Post = std::function<void(std::function<void()>)>;

  // `tell` is called before each outcome: watchers know before the proposer does.
  PendingRequests(Post post, std::function<void()> tell)
      : post_(std::move(post)), tell_(std::move(tell)) {}

  // Without one, requests wait for it until their time is up.
  void BeginStay(Stay& stay);
  // What waits for an answer is unknown, what was not proposed yet never will be.
  void EndStay();
  // While it is held nothing is proposed: the node is about to leave the cluster, with what it has.
  void Hold(bool held) { held_ = held; }

  void Propose(Proposal proposal, uint64_t number, ProposalDone done);
  void Barrier(int64_t timeout_ms, BarrierDone done);
  void OnRound();

 private:
  using Clock = std::chrono::steady_clock;
  struct Request {
    std::optional<Proposal> proposal;  // Else a barrier.
    uint64_t number = 0;
    ProposalDone done;
    Clock::time_point deadline;
    bool under_way = false;
    bool unknown = false;  // It was given away once, and may have been applied.
    NodeId departing = {};
  };

  void Add(Request request);
  void Send(uint64_t key);
  void SendProposal(uint64_t key, Request& request);
  void OnAnswer(uint64_t key, const absl::Status& status);
  void Finish(uint64_t key, const absl::Status& status);
  absl::Status Depart(Request& request);
  void LetVote(const NodeId& node);

  const Post post_;
  const std::function<void()> tell_;
  Stay* stay_ = nullptr;
  uint64_t stays_ = 0;  // Answers of former ones are not looked at.
  bool held_ = false;
  uint64_t next_key_ = 1;
  std::map<uint64_t, Request> requests_;
};

}  // namespace henge::cluster
