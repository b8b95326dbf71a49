// SPDX-License-Identifier: Apache-2.0
// The judge: hears the nodes' beats, gives group leaders their leases, and says who has failed and
// who leads instead. A pure machine of one term in office: no clock, network or threads; one
// thread. Times are of the judge's monotonic clock.
//
// How it is driven:
//   1. Whoever leads the coordinator proposes TakeOffice; when the topology says that it is in
//      office, it makes a FailureDetector, and gives it each newer topology.
//   2. Hear each beat. Now and then, and soon after a beat: ticket = StartConfirm(), then a barrier
//      of the coordinator; when that has ended OK, Adopt(coordinator's topology), then send what
//      Confirm(ticket) returns. Tickets may overlap.
//   3. Tick a few times in a node timeout; propose what it returns, each under a request of the
//      coordinator's, again under the same one until the outcome is definite; then Settled().
//
// Why no two leaders may acknowledge at one instant:
//   - A lease is given only for a beat that was heard before a barrier began by which this judge
//     was still in office. So each lease in the world began, by its holder's clock, before the
//     present judge took office, or was given by the present judge.
//   - A judge promotes nobody in a group before it has waited out, on its clock, each lease that it
//     gave there (counted from the beat), and, after taking office, the longest that the terms
//     before gave (Office::wait_ms). From the moment that it has decided it gives no lease for the
//     old epoch, also for beats that were heard before.
//   - A judgement carries the term, and the topology refuses it when another took office
//     meanwhile; it carries the epoch, and is refused when there is another leader already.
//   - A hand-over is proposed by a leader that has surrendered its lease (lease.h).
//
// The node timeout is the judge's of a term, and its answers carry it, as the length of leases; so
// nodes need not be told the same at one moment. A judge that is told another takes office anew.
// Readers are answered for a node timeout after a beat, which is longer than a lease: a judge
// promotes nobody before either is over, also where a term before had a longer one.
//
// A leader fails when it is silent, has restarted (its report says so: what it has may not be all),
// or is heard but does not take up its lead for a node timeout. Only a judge can say that what a
// process found on its disk, or nothing, is what the group goes on from (candidates.h, rule 2): it
// says so by giving that very process a lease. So a node that was promoted for the data of its last
// process, and has restarted since, is not mistaken for one that has it.
//
// A beat that was sent before one that was heard already came late, on another stream. It counts
// for nothing: what it says of the data was so before, perhaps of a process that has ended. One of
// a node that did not know yet who is in sync counts for little: that it has less than all was so
// before its leader said that it is in sync. By the second rule nobody leads on the strength of it.
//
// A node is silent when nothing was heard of it for the node timeout, counted from the taking of
// office at the earliest. If this machine itself stood still for long, silence begins anew: it
// would have heard nobody.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/failover/beat.h"
#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

// Of a node timeout: what is left lets the lease run out before the timeout does.
constexpr uint32_t LeaseMsFor(int64_t node_timeout_ms) {
  return static_cast<uint32_t>(node_timeout_ms * 4 / 5);
}

// The node timeout in which leases of that length are given: for so long after a beat that was
// answered the one who sent it may take itself for one of the majority, and answer readers.
constexpr int64_t TouchFor(int64_t lease) { return lease * 5 / 4; }

struct Judgement {
  Change change;       // Promote or MarkNode.
  std::string reason;  // For the log.
};

class FailureDetector {
 public:
  // The topology's office is this node's.
  FailureDetector(const NodeId& self, TopologyPtr topology, int64_t node_timeout_ms, int64_t now);

  void Adopt(TopologyPtr topology, int64_t now);
  // False: another has taken office. Nothing comes out of it any more.
  bool in_office() const { return in_office_; }
  uint64_t term() const { return term_; }
  // Whether what the terms before gave is over.
  bool has_waited(int64_t now) const { return now >= first_judgement_; }

  void Hear(const NodeBeat& beat, int64_t now);
  uint64_t StartConfirm();
  std::vector<BeatAnswer> Confirm(uint64_t ticket);

  std::vector<Judgement> Tick(int64_t now);
  // The outcome of a judgement is known.
  void Settled(const Change& change, bool applied);

  // CLUSTER FAILOVER FORCE: the leader gets no more leases, and when the last is over, `to` leads.
  // Refused unless it is in sync, heard of, and has live data.
  absl::Status Force(const GroupId& group, const NodeId& to, int64_t now);

  bool IsSilent(const NodeId& node, int64_t now) const;
  // Groups that have no leader that is heard of, and nobody who could become it.
  const std::vector<GroupId>& groups_down() const { return down_; }
  const NodeLoad* LoadOf(const NodeId& node) const;  // nullptr if it never told.

 private:
  struct Waiting {
    uint64_t ticket;
    int64_t heard;
    BeatAnswer answer;
  };
  struct Seen {
    int64_t heard = 0;
    bool ever = false;  // In this term.
    uint64_t incarnation = 0;
    int64_t sent = 0;               // The newest that was heard, by its sender's clock.
    uint64_t topology_version = 0;  // That the node knew when it sent it.
    NodeLoad load = {};
    std::map<GroupId, GroupReport> reports = {};
    bool marking = false;               // A MarkNode is on its way.
    std::vector<Waiting> waiting = {};  // Beats that have no answer yet, oldest first.
  };
  struct Case {
    int64_t lease_out = 0;           // No lease that was given lasts longer.
    Epoch epoch = 0;                 // The group's, as last adopted,
    uint64_t revision = 0;           // and who its members are;
    uint64_t members_since = 0;      // which every version from this one on says.
    int64_t fit_at = 0;              // When its leader was last heard to lead; or when it rose.
    std::optional<Epoch> promoting;  // A Promote of this epoch is on its way,
    NodeId chosen;                   // to this node; if it has no live data, then in the knowledge
    std::optional<uint64_t> known;   // of what this incarnation of it has.
    // As leader of `epoch`, that incarnation is taken for what it is.
    std::optional<uint64_t> accepted;
    NodeId forced;  // Zero: nobody.
    Epoch forced_epoch = 0;
  };

  bool IsLate(const NodeBeat& beat, const Seen& seen, int64_t now) const;
  void FollowNodes(int64_t now);
  void FollowGroups(int64_t now);
  bool IsFit(const Group& group, const Case& of, const NodeId& node) const;
  bool IsAccepted(const Case& of, const NodeId& node) const;
  bool MayLead(const Group& group, const Case& of, const NodeId& node) const;
  const GroupReport* ReportOf(const GroupId& group, const NodeId& node) const;
  // What it told lately, for ChooseLeader.
  const GroupReport* BelievedOf(const Group& group, const Case& of, const NodeId& node,
                                int64_t now) const;
  BeatAnswer AnswerTo(const Waiting& waiting);
  // Why the group needs another leader; empty if it does not.
  std::string Complaint(const Group& group, const Case& of, int64_t now) const;
  void Judge(const Group& group, int64_t now, std::vector<Judgement>& out);
  void MarkNodes(int64_t now, std::vector<Judgement>& out);
  void ForgiveGap(int64_t now);

  const NodeId self_;
  const int64_t timeout_;  // Microseconds, as all below.
  const uint64_t term_;
  const int64_t lease_;
  TopologyPtr topology_;
  bool in_office_ = true;
  int64_t first_judgement_;  // All that the terms before gave is over.
  int64_t last_tick_;
  uint64_t tickets_ = 0;
  std::map<NodeId, Seen> nodes_;
  std::map<GroupId, Case> cases_;
  std::vector<GroupId> down_;
};

}  // namespace henge::cluster
