// SPDX-License-Identifier: Apache-2.0
// What the leader takes care of, one change of the members at a time: that those vote who should,
// that nobody takes part who is no node of the topology, that the topology tells who votes,
// that no two leaders have one config epoch. And what each node does: it announces its addresses
// and wishes, and asks others what became of it when it hears of no leader.
#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "cluster/announcement.h"
#include "cluster/embedded/coordinator_core.h"
#include "cluster/embedded/voters.h"
#include "cluster/topology/wire_reader.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;
using Kind = consensus::MembershipChange::Kind;

constexpr std::chrono::milliseconds kUpkeepAgain{100};
constexpr std::chrono::seconds kAnnounceAgain{1};
constexpr std::chrono::seconds kStrangerPatience{30};          // Longer than an admission takes.
constexpr std::chrono::milliseconds kCandidatePatience{2000};  // For who might vote but does not.
constexpr std::chrono::seconds kLonelyPatience{3};
constexpr std::chrono::seconds kWhereaboutsPatience{5};

}  // namespace

void EmbeddedCoordinator::Core::UpkeepRound() {
  if (Clock::now() < upkeep_again_) return;
  upkeep_again_ = Clock::now() + kUpkeepAgain;
  if (bulletin_->leader()) leader_seen_ = Clock::now();
  AskWhereabouts();
  if (stay_ == nullptr || stay_->agreed().cluster().empty()) return;
  // A leader that is being reset goes on: it may have to take its own vote first.
  if (!resetting_) AnnounceSelf();
  if (!stay_->IsLeader() || changing_peers_) return;
  if (RemoveStrangers() || StrikeVoters() || StepVoters()) return;
  TellVoters();
  if (!resetting_) SettleEpochs();
}

// Peers whose node is not in the topology: it was removed, or has never been taken in to the end.
bool EmbeddedCoordinator::Core::RemoveStrangers() {
  const Clock::time_point now = Clock::now();
  const TopologyPtr topology = stay_->agreed().topology();
  const std::vector<KnownPeer> peers = FromMembers(stay_->driver().status().members);
  std::erase_if(strangers_, [&](const auto& one) {
    return std::ranges::none_of(peers, [&](const KnownPeer& p) { return p.peer == one.first; });
  });
  for (const KnownPeer& peer : peers) {
    if (topology->Find(peer.node) != nullptr) {
      strangers_[peer.peer] = Clock::time_point();  // It was seen as a node.
      continue;
    }
    const auto [at, fresh] = strangers_.try_emplace(peer.peer, now);
    if (now - at->second < kStrangerPatience) continue;
    changing_peers_ = true;
    ChangePeers({Kind::kRemove, peer.peer, ""},
                [this](const absl::Status&) { changing_peers_ = false; });
    return true;
  }
  return false;
}

std::set<NodeId> EmbeddedCoordinator::Core::LostPeers() const {
  std::set<NodeId> lost;
  const Clock::time_point since = leading_since_.value_or(Clock::now());
  for (const KnownPeer& peer : FromMembers(stay_->driver().status().members)) {
    if (peer.peer == identity_.peer) continue;
    const Clock::time_point heard = std::max(since, stay_->routes().LastHeard(peer.peer));
    const auto patience = peer.voter ? options_.voter_patience
                                     : std::min(options_.voter_patience, kCandidatePatience);
    if (Clock::now() - heard >= patience) lost.insert(peer.node);
  }
  return lost;
}

bool EmbeddedCoordinator::Core::StepVoters() {
  std::set<NodeId> voting;
  std::set<NodeId> present;
  std::map<NodeId, consensus::PeerId> peers;
  for (const KnownPeer& peer : FromMembers(stay_->driver().status().members)) {
    present.insert(peer.node);
    peers[peer.node] = peer.peer;
    if (peer.voter) voting.insert(peer.node);
  }
  const std::vector<NodeId> wanted =
      ChooseVoters(*stay_->agreed().topology(), voting, present, LostPeers());
  const auto step = NextVoterStep(wanted, voting, identity_.node);
  if (!step) return false;
  const bool promote = step->kind == VoterStep::Kind::kPromote;
  changing_peers_ = true;
  ChangePeers({promote ? Kind::kPromote : Kind::kDemote, peers.at(step->node), ""},
              [this, promote, node = step->node](const absl::Status& status) {
                changing_peers_ = false;
                if (status.ok())
                  LogNotice(promote ? "a node votes from now on" : "a node votes no longer",
                            {{"node", node.view()}});
              });
  return true;
}

// Who votes no longer is not to be taken for a voter while another is brought in its place.
bool EmbeddedCoordinator::Core::StrikeVoters() {
  const TopologyPtr topology = stay_->agreed().topology();
  const std::set<NodeId> voting = Voting();
  std::vector<NodeId> left;
  for (const NodeId& voter : topology->voters()) {
    const Node* node = topology->Find(voter);
    if (node->no_vote) return false;  // It loses its vote first.
    if (voting.contains(voter)) left.push_back(voter);
  }
  if (left.empty() || left.size() == topology->voters().size()) return false;
  ProposeVoters(std::move(left));
  return true;
}

void EmbeddedCoordinator::Core::TellVoters() {
  const std::set<NodeId> voting = Voting();
  std::vector<NodeId> voters(voting.begin(), voting.end());
  if (voters != stay_->agreed().topology()->voters()) ProposeVoters(std::move(voters));
}

// Nodes bring their config epochs along, so two that lead may have the same: then the one of the
// larger id takes the next, as in Redis one of them does.
void EmbeddedCoordinator::Core::SettleEpochs() {
  const TopologyPtr topology = stay_->agreed().topology();
  if (changing_peers_ || topology->version() == settled_version_) return;
  std::set<Epoch> taken;
  for (NodeIndex i = 0; i < topology->nodes().size(); ++i) {
    const Node& node = topology->nodes()[i];
    if (node.config_epoch == 0 || topology->GroupsLedBy(i).empty()) continue;
    if (taken.insert(node.config_epoch).second) continue;
    changing_peers_ = true;
    requests_->Propose({.change = BumpEpoch{node.id}}, NewRequest(),
                       [this](const absl::Status&) { changing_peers_ = false; });
    return;
  }
  settled_version_ = topology->version();
}

std::set<NodeId> EmbeddedCoordinator::Core::Voting() const {
  std::set<NodeId> voting;
  for (const KnownPeer& peer : FromMembers(stay_->driver().status().members)) {
    if (peer.voter) voting.insert(peer.node);
  }
  return voting;
}

void EmbeddedCoordinator::Core::ProposeVoters(std::vector<NodeId> voters) {
  changing_peers_ = true;
  requests_->Propose({.change = SetVoters{.voters = std::move(voters),
                                          .expected = stay_->agreed().topology()->voters()}},
                     NewRequest(), [this](const absl::Status&) { changing_peers_ = false; });
}

// Another address, zone or wish than the topology has: after a restart with another configuration,
// or CONFIG SET.
void EmbeddedCoordinator::Core::AnnounceSelf() {
  const TopologyPtr topology = stay_->agreed().topology();
  const Node* known = topology->Find(identity_.node);
  if (known == nullptr || Clock::now() < announce_again_) return;
  Node wanted = AsTold(*known, self_);
  if (wanted == *known) return;
  announce_again_ = Clock::now() + kAnnounceAgain;
  requests_->Propose({.change = UpdateNode{std::move(wanted)}}, NewRequest(),
                     [](const absl::Status&) {});
}

// What this node is asked to propose of itself it tells from here on, until all know.
void EmbeddedCoordinator::Core::HearOwn(const Change& change) {
  const auto* update = std::get_if<UpdateNode>(&change);
  if (update != nullptr && update->node.id == identity_.node) TakeAnnounced(self_, update->node);
}

Node EmbeddedCoordinator::Core::AsTold(const Node& known, Node told) {
  told.id = known.id;
  if (told.name.empty()) told.name = known.id.str();
  if (told.host.empty()) told.host = known.host;
  told.config_epoch = known.config_epoch;
  told.failed = known.failed;
  // Marks that were put on it while it ran stay.
  told.no_vote = told.no_vote || known.no_vote;
  told.leaving = told.leaving || known.leaving;
  return told;
}

// Who was removed while it was away is told by nobody.
void EmbeddedCoordinator::Core::AskWhereabouts() {
  if (stay_ == nullptr || asking_whereabouts_ || Clock::now() - leader_seen_ < kLonelyPatience)
    return;
  std::vector<KnownPeer> others;
  for (const KnownPeer& peer : stay_->routes().Located()) {
    if (peer.peer != identity_.peer && !peer.host.empty()) others.push_back(peer);
  }
  for (const KnownPeer& peer : identity_.known) {
    if (!peer.host.empty()) others.push_back(peer);
  }
  if (others.empty()) return;
  asking_whereabouts_ = true;
  const KnownPeer& other = others[ThreadRandom().Below(others.size())];
  wire::WhereaboutsRequest request;
  request.set_peer(identity_.peer);
  request.set_cluster(identity_.cluster);
  Node self = self_;
  self.id = identity_.node;
  WriteNode(self, *request.mutable_node());
  client_->Ask<wire::WhereaboutsRequest, wire::WhereaboutsReply>(
      {.host = other.host, .bus_port = other.bus_port}, kWhereaboutsPatience,
      &EntryClient::Stub::async::Whereabouts, std::move(request),
      [this, stays = stays_](const grpc::Status& status, const wire::WhereaboutsReply& reply) {
        if (stays != stays_) return;
        asking_whereabouts_ = false;
        leader_seen_ = Clock::now() - kLonelyPatience / 2;  // Not again at once.
        if (!status.ok() || !reply.certain() || reply.member() || resetting_) return;
        (void)BeAlone(false, "it was removed while it was away");
      });
}

}  // namespace henge::cluster
