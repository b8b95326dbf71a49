// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/oracle.h"

#include <absl/strings/str_cat.h>

#include <algorithm>

#include "base/strings.h"
#include "cluster/consensus/testing/text.h"

namespace henge::consensus::testing {

namespace {

std::string Content(const Entry& entry) {
  return absl::StrCat(static_cast<int>(entry.kind), ":", entry.data);
}

bool Has(const Disk& disk, Index index, Term term) {
  if (index <= disk.snapshot->index) return true;  // Its content is checked when it is taken.
  const Index at = index - disk.snapshot->index - 1;
  return at < disk.entries.size() && disk.entries[at].term == term;
}

}  // namespace

void Oracle::Violated(std::string what) {
  if (violation_.empty()) violation_ = std::move(what);
}

void Oracle::Look(const Nodes& nodes, PeerId id) {
  const TestNode& node = nodes.at(id);
  if (!node.up()) return;
  const Raft& raft = node.raft();
  if (!raft.fault().empty())
    return Violated(absl::StrCat("node ", id, " found: ", Absl(raft.fault())));
  Seen& seen = seen_[id];
  if (raft.role() == Role::kLeader && seen.led != raft.term()) {
    seen.led = raft.term();
    LookAtLeader(node);
  }
  LookAtWrite(node);
  LookAtCommit(nodes, node, seen);
  LookAtApplied(node, seen);
}

void Oracle::LookAtLeader(const TestNode& node) {
  const Raft& raft = node.raft();
  const auto [at, first] = leaders_.emplace(raft.term(), raft.id());
  if (at->second != raft.id())
    return Violated(absl::StrCat("election safety: ", at->second, " and ", raft.id(), " lead term ",
                                 raft.term()));
  for (Index i = raft.log().start() + 1; i <= committed_.size(); ++i) {
    if (committed_in_[i - 1] >= raft.term()) continue;  // It leads too late to matter.
    if (raft.log().TermAt(i) == committed_[i - 1].term) continue;
    return Violated(absl::StrCat("leader completeness: ", raft.id(), " leads term ", raft.term(),
                                 " without the committed entry ", i));
  }
}

void Oracle::LookAtWrite(const TestNode& node) {
  const Ready* ready = node.in_writing();
  if (ready == nullptr || ready->entries.empty()) return;
  Term before = node.term_before_write();
  for (const Entry& entry : ready->entries) {
    const Past now{before, Content(entry)};
    before = entry.term;
    const auto [at, first] = entries_.emplace(std::pair(entry.index, entry.term), now);
    if (at->second != now)
      return Violated(absl::StrCat("log matching: ", node.raft().id(), " has another entry ",
                                   entry.index, ".", entry.term));
  }
}

void Oracle::LookAtCommit(const Nodes& nodes, const TestNode& node, Seen& seen) {
  const RaftLog& log = node.raft().log();
  const Index first = std::max(seen.commit, log.start()) + 1;
  for (Index i = first; i <= log.commit(); ++i) {
    const Entry& entry = log.At(i);
    const Past now{entry.term, Content(entry)};
    if (i == committed_.size() + 1) {
      CheckDurable(nodes, node.raft().membership(), entry);
      committed_.push_back(now);
      committed_in_.push_back(node.raft().term());
    }
    if (i > committed_.size() || committed_[i - 1] != now)
      return Violated(
          absl::StrCat("state machine safety: ", node.raft().id(), " commits another entry ", i));
  }
  seen.commit = log.commit();
  const Snapshot& snapshot = *node.raft().snapshot();
  if (snapshot.index > 0 &&
      (snapshot.index > committed_.size() || committed_[snapshot.index - 1].term != snapshot.term))
    Violated(absl::StrCat("state machine safety: ", node.raft().id(), " has a snapshot up to ",
                          snapshot.index, " that was never committed"));
}

void Oracle::CheckDurable(const Nodes& nodes, const Membership& members, const Entry& entry) {
  size_t have = 0;
  for (const Member& member : members.members()) {
    const auto peer = nodes.find(member.id);
    if (member.voter && peer != nodes.end() && Has(peer->second.disk(), entry.index, entry.term))
      ++have;
  }
  if (have >= members.Quorum()) return;
  Violated(absl::StrCat("durability: ", entry.index, ".", entry.term, " is committed, and ", have,
                        " of ", members.voters(), " have it"));
}

void Oracle::LookAtApplied(const TestNode& node, Seen& seen) {
  const std::vector<std::string>& applied = node.applied();
  if (applied.size() < seen.applied) seen.applied = 0;
  for (size_t i = seen.applied; i < applied.size(); ++i) {
    if (i == order_.size()) {
      order_.push_back(applied[i]);
      if (!place_.emplace(applied[i], i).second)
        return Violated(absl::StrCat("at most once: ", applied[i], " is applied twice"));
    }
    if (order_[i] != applied[i])
      return Violated(absl::StrCat("state machine safety: ", node.raft().id(), " applies ",
                                   applied[i], " where others applied ", order_[i]));
  }
  seen.applied = applied.size();
}

std::string Oracle::Fingerprint() const {
  std::string out;
  for (const auto& [term, leader] : leaders_) absl::StrAppend(&out, term, "=", leader, ";");
  for (const auto& [at, past] : entries_)
    absl::StrAppend(&out, at.first, ".", at.second, past.term, past.content, ";");
  for (const Past& past : committed_) absl::StrAppend(&out, past.term, past.content, ";");
  for (const Term term : committed_in_) absl::StrAppend(&out, term, ";");
  for (const auto& command : order_) absl::StrAppend(&out, command, ",");
  return out;
}

}  // namespace henge::consensus::testing
