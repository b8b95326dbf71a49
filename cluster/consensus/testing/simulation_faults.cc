// SPDX-License-Identifier: Apache-2.0
// What goes wrong in a simulation, and whether it is well again in the end.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "cluster/consensus/testing/simulation.h"
#include "cluster/consensus/testing/text.h"

namespace henge::consensus::testing {

// On average some event each 400 ms.
void Simulation::Chaos() {
  if (scenario_.membership && random_.Below(300) == 0) ChangeMembers();
  if (random_.Below(400) != 0) return;
  switch (random_.Below(11)) {
    case 0:
    case 1:
      return CrashHost(AnyNode());
    case 2:
      if (const PeerId leader = Leader(); leader != kNobody) CrashHost(leader);
      return;
    case 3:  // All at once: power.
      if (Often(30)) {
        for (const auto& [id, node] : std::map(hosts_)) CrashHost(id);
      }
      return;
    case 4:
    case 5:
      return Cut();
    case 6:
    case 7:
      return cut_.clear();
    case 8:
      if (scenario_.slow_disks) {
        const PeerId id = AnyNode();
        hosts_.at(id).disk_millis = Often(50) ? 1 : 10 + static_cast<int>(random_.Below(400));
      }
      return;
    case 9:
      return TransferSomewhere();
    default:
      return CompactSome();
  }
}

void Simulation::Cut() {
  const uint64_t kind = random_.Below(3);
  std::set<PeerId> apart;
  for (const auto& [id, host] : hosts_) {
    if (Often(40)) apart.insert(id);
  }
  if (kind == 2 && Leader() != kNobody) apart = {Leader()};
  for (const auto& [a, x] : hosts_) {
    for (const auto& [b, y] : hosts_) {
      if (apart.contains(a) == apart.contains(b)) continue;
      if (kind == 1 && apart.contains(b)) continue;  // One way.
      cut_.insert({a, b});
    }
  }
}

void Simulation::ChangeMembers() {
  const PeerId leader = Leader();
  if (!scenario_.membership || leader == kNobody) return;
  using Kind = MembershipChange::Kind;
  Raft& raft = nodes_.at(leader).raft();
  const std::vector<Member>& members = raft.membership().members();
  const PeerId some = members[random_.Below(members.size())].id;
  Refusal refusal = Refusal::kInvalid;
  const uint64_t kind = random_.Below(5);
  if (kind <= 1 && members.size() < 7 && nodes_.size() < 16) {
    RaftOptions options;
    options.id = next_peer_;
    options.seed = random_.Next();
    options.election_ticks = 6;
    options.pre_vote = scenario_.pre_vote;
    options.check_quorum = scenario_.check_quorum;
    refusal = raft.ChangeMembership({}, {Kind::kAddLearner, next_peer_});
    if (refusal == Refusal::kNone) {
      nodes_.emplace(next_peer_, TestNode(options, Disk()));
      hosts_[next_peer_].next_tick = now_;
      ++next_peer_;
    }
  } else if (kind <= 3) {
    for (const Member& member : std::vector(members)) {
      if (member.voter || refusal == Refusal::kNone) continue;
      refusal = raft.ChangeMembership({}, {Kind::kPromote, member.id});
    }
  } else if (raft.membership().voters() > 2) {
    refusal = raft.ChangeMembership({}, {Kind::kRemove, some});
  }
  if (refusal == Refusal::kNone) ++result_.changes;
}

void Simulation::TransferSomewhere() {
  const PeerId leader = Leader();
  if (scenario_.transfers && leader != kNobody) nodes_.at(leader).raft().Transfer(AnyNode());
}

void Simulation::CompactSome() {
  if (!scenario_.snapshots) return;
  for (auto& [id, node] : nodes_) {
    if (node.up() && !node.writing() && Often(50)) node.Compact(random_.Below(4));
  }
}

void Simulation::Heal() {
  chaos_ = false;
  cut_.clear();
  for (auto& [id, host] : hosts_) {
    host.disk_millis = 1;
    host.start_at = now_;
  }
}

void Simulation::CheckRecovered() {
  const PeerId id = Leader();
  if (id == kNobody) return Fail("recovery: nobody leads");
  const TestNode& leader = nodes_.at(id);
  const Raft& raft = leader.raft();
  for (const Client& client : clients_) {
    if (client.session == 0 || !client.command.empty())
      return Fail(absl::StrCat("recovery: ", client.nonce, " waits for ", client.command));
  }
  if (leader.applied() != oracle_.order()) return Fail("recovery: the leader lacks commands");
  for (const Member& member : raft.membership().members()) {
    const TestNode& node = nodes_.at(member.id);
    if (node.applied() != leader.applied())
      return Fail(absl::StrCat("recovery: ", member.id, " has not applied what its leader has"));
    if (node.raft().leader() != id)
      return Fail(absl::StrCat("recovery: ", member.id, " follows another"));
  }
}

std::vector<Scenario> Scenarios() {
  return {
      {.name = "three voters", .transfers = true},
      {.name = "slow disks", .snapshots = true, .slow_disks = true},
      {.name = "members come and go", .membership = true, .snapshots = true, .transfers = true},
      {.name = "five voters, all of it",
       .voters = 5,
       .membership = true,
       .snapshots = true,
       .transfers = true,
       .slow_disks = true,
       .drop_percent = 10},
      {.name = "without pre-vote and check of the quorum",  // Removed nodes would disturb for ever.
       .snapshots = true,
       .pre_vote = false,
       .check_quorum = false},
  };
}

}  // namespace henge::consensus::testing
