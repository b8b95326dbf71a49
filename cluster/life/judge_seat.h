// SPDX-License-Identifier: Apache-2.0
// JudgeSeat: takes office when this node leads the coordinator, and judges (FailureDetector) until
// it leads no more or another has taken office.
//
//   leads ──> TakeOffice, of a term above all ──> applied: a FailureDetector of that term
//     beats ──> Hear ── barrier ──> answers with leases      Tick ──> judgements, proposed
//
// A process judges only in terms that it has taken itself. One that finds its node in office takes
// office anew: of the term before it knows neither which leases nor which judgements were given,
// and one of those may still be on its way. It also takes office anew where the document's
// leases are not of its node timeout (SetNodeTimeout), or where, after it has waited for those of
// the terms before, the next judge would wait for them again.
//
// Everything on the desk's thread.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>

#include "base/clock.h"
#include "cluster/coordinator.h"
#include "cluster/failover/failure_detector.h"
#include "cluster/life/desk.h"
#include "cluster/life/petitions.h"

namespace henge::cluster {

struct JudgeSeatOptions {
  NodeId self;
  int64_t node_timeout_ms = 1500;
  const Clock* clock = &SystemClock();
};

class JudgeSeat {
 public:
  // `send` is called for each answer to a beat. All outlive the seat; its desk is closed before.
  JudgeSeat(const JudgeSeatOptions& options, Coordinator& coordinator, std::shared_ptr<Desk> desk,
            Petitions& petitions, std::function<void(const BeatAnswer&)> send);

  void OnTopology(const TopologyPtr& topology);
  void OnLeader(bool leads);  // This node, among the coordinator's.
  void Hear(const NodeBeat& beat);
  // Accepted, or why not.
  absl::Status Force(const GroupId& group, const NodeId& to);
  void Tick();
  void SetNodeTimeout(int64_t timeout_ms);

  // Zero: not in office.
  uint64_t term() const { return judge_ == nullptr ? 0 : judge_->term(); }

 private:
  int64_t now() const { return options_.clock->MonotonicMicros(); }
  void Bid();
  void Renew();
  void Ask(bool settled);
  void Sit(uint64_t term);
  void Leave(std::string_view why);
  void Confirm();
  void OnConfirmed(uint64_t term, uint64_t ticket, const absl::Status& outcome);
  void Judge();
  void TellDown();

  JudgeSeatOptions options_;
  int64_t timeout_;  // Microseconds.
  Coordinator& coordinator_;
  const std::shared_ptr<Desk> desk_;
  Petitions& petitions_;
  const std::function<void(const BeatAnswer&)> send_;

  bool leads_ = false;
  bool bidding_ = false;
  int64_t next_bid_ = INT64_MIN;
  std::unique_ptr<FailureDetector> judge_;  // Null out of office.
  std::set<uint64_t> judgements_;           // Petitions of this term.
  int64_t next_judging_ = 0;
  bool heard_ = false;  // Since the last barrier began.
  int confirming_ = 0;  // Barriers on their way, of any term.
  int64_t next_confirm_ = 0;
  std::set<GroupId> down_;
};

}  // namespace henge::cluster
