// SPDX-License-Identifier: Apache-2.0
// Oracle: sees all nodes at once and knows what must never happen (Figure 3 of the paper). It
// remembers what was true in the past, through every crash. A value; one thread.
//
//   election safety        one leader a term
//   log matching           entries with one index and term are one, and so is what is before them
//   leader completeness    a leader has every entry that was committed in an earlier term
//   state machine safety   no two nodes commit, or apply, different entries at one index
//   durability             what is committed is on the disks of a majority by then
//   at most once           no numbered command is applied twice
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cluster/consensus/testing/test_node.h"

namespace henge::consensus::testing {

class Oracle {
 public:
  using Nodes = std::map<PeerId, TestNode>;

  // After anything that node `id` did.
  void Look(const Nodes& nodes, PeerId id);
  // That node began again from its disk.
  void Forget(PeerId id) { seen_.erase(id); }

  // The first thing that went wrong, or nothing.
  const std::string& violation() const { return violation_; }
  // Every command that any node has applied, in the one order.
  const std::vector<std::string>& order() const { return order_; }
  Index committed() const { return committed_.size(); }
  const std::map<Term, PeerId>& leaders() const { return leaders_; }
  // All that its judgement depends on.
  std::string Fingerprint() const;

 private:
  struct Seen {
    Index commit = 0;
    size_t applied = 0;
    Term led = 0;
  };
  struct Past {
    Term term = 0;
    std::string content;
    bool operator==(const Past&) const = default;
  };

  void Violated(std::string what);
  void LookAtLeader(const TestNode& node);
  void LookAtWrite(const TestNode& node);
  void LookAtCommit(const Nodes& nodes, const TestNode& node, Seen& seen);
  void LookAtApplied(const TestNode& node, Seen& seen);
  void CheckDurable(const Nodes& nodes, const Membership& members, const Entry& entry);

  std::map<PeerId, Seen> seen_;
  std::map<Term, PeerId> leaders_;
  std::map<std::pair<Index, Term>, Past> entries_;  // And the term before each.
  std::vector<Past> committed_;
  std::vector<Term> committed_in_;  // The term of the leader that first had it committed.
  std::vector<std::string> order_;
  std::map<std::string, size_t> place_;
  std::string violation_;
};

}  // namespace henge::consensus::testing
