// SPDX-License-Identifier: Apache-2.0
// Taking a node in, asked by it. Any member may be asked. The newcomer becomes a learner of
// consensus first and a node of the topology then: what is left of an admission that ended half way
// is a learner without a node, which the upkeep removes. Asked again under the same number, each
// step finds what was done.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cluster/embedded/coordinator_core.h"
#include "cluster/topology/codec.h"
#include "cluster/topology/wire_reader.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;

constexpr int kMaxAdmissions = 64;
constexpr int64_t kStepPatienceMs = 4000;
constexpr std::chrono::seconds kComePatience{8};

// Whether nothing is known of what became of it.
bool IsOpen(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status) || absl::IsAborted(status);
}

// Whether the node owns all of them.
bool Owns(const Topology& topology, const NodeId& node, const std::vector<SlotRange>& ranges) {
  for (const auto& [first, last] : ranges) {
    for (int slot = first; slot <= last; ++slot) {
      const Node* owner = topology.OwnerOf(static_cast<Slot>(slot));
      if (owner == nullptr || owner->id != node) return false;
    }
  }
  return true;
}

}  // namespace

EmbeddedCoordinator::Core::JoinReply EmbeddedCoordinator::Core::Reply(JoinReply::Verdict verdict,
                                                                      std::string_view why) const {
  JoinReply reply;
  reply.set_verdict(verdict);
  reply.set_why(std::string(why));
  reply.set_node(identity_.node.str());
  return reply;
}

std::optional<EmbeddedCoordinator::Core::JoinReply> EmbeddedCoordinator::Core::AnswerAtOnce(
    const std::string& cluster) const {
  if (stay_ == nullptr || stay_->agreed().cluster().empty()) return Reply(JoinReply::LATER);
  if (cluster == identity_.cluster) return Reply(JoinReply::SAME);
  if (IsLeaving() || resetting_) return Reply(JoinReply::LATER);
  return std::nullopt;
}

void EmbeddedCoordinator::Core::OnJoin(const JoinRequest& request, const std::string& from,
                                       AnswerWith<JoinReply> answer) {
  if (const auto now = AnswerAtOnce(request.cluster())) return answer(*now);
  if (admissions_ >= kMaxAdmissions) return answer(Reply(JoinReply::LATER));
  WireReader reader;
  auto admission = std::make_shared<Admission>();
  admission->request = request;
  admission->node = reader.Node(request.node());
  admission->slots = reader.Ranges(request.slots());
  if (!reader.ok() || request.peer() == consensus::kNobody)
    return answer(Reply(JoinReply::REFUSED, "the request to join can't be read"));
  if (admission->node.host.empty()) admission->node.host = from;
  admission->answer = std::move(answer);
  ++admissions_;
  NameSelf(admission);
}

// A node that was alone may not know of a host of its own; now it is known how it was reached.
void EmbeddedCoordinator::Core::NameSelf(const AdmissionPtr& admission) {
  const Node* self = stay_->agreed().topology()->Find(identity_.node);
  if (self == nullptr || !self->host.empty() || admission->request.asked_host().empty())
    return Examine(admission);
  Node named = *self;
  named.host = admission->request.asked_host();
  requests_->Propose({.change = UpdateNode{std::move(named)}, .timeout_ms = kStepPatienceMs},
                     NewRequest(), [this, admission](const absl::Status& status) {
                       if (!status.ok()) return Refuse(admission, status);
                       Examine(admission);
                     });
}

// What is known here may be old.
void EmbeddedCoordinator::Core::Examine(const AdmissionPtr& admission) {
  requests_->Barrier(kStepPatienceMs, [this, admission](const absl::Status& status) {
    if (!status.ok() || stay_ == nullptr) return Refuse(admission, status);
    TakeIn(admission);
  });
}

bool EmbeddedCoordinator::Core::IsPeer(consensus::PeerId peer) const {
  return stay_ != nullptr && stay_->driver().status().members.Contains(peer);
}

void EmbeddedCoordinator::Core::TakeIn(const AdmissionPtr& admission) {
  const TopologyPtr topology = stay_->agreed().topology();
  const Node* known = topology->Find(admission->node.id);
  if (known != nullptr && IsPeer(admission->request.peer())) return Welcome(admission);
  if (known != nullptr) return Readmit(admission, *known);
  if (IsPeer(admission->request.peer())) return AddToTopology(admission);
  const auto next = Apply(*topology, AddNode{admission->node, admission->slots});
  if (!next.ok()) return Refuse(admission, next.status());
  AddPeer(admission, true);
}

// It comes back without its log: as another peer, since this one's promises are forgotten.
void EmbeddedCoordinator::Core::Readmit(const AdmissionPtr& admission, const Node& known) {
  const Node& node = admission->node;
  if (!known.failed && (known.host != node.host || known.bus_port != node.bus_port)) {
    return Refuse(admission, absl::AlreadyExistsError(absl::StrCat(
                                 "node ", Absl(node.id.view()), " is a member at ", known.host, ":",
                                 known.bus_port, " and is not known to have failed")));
  }
  if (!Owns(*stay_->agreed().topology(), node.id, admission->slots))
    return Refuse(admission, absl::AlreadyExistsError("it brings slots that are not its own here"));
  for (const KnownPeer& peer : FromMembers(stay_->driver().status().members)) {
    if (peer.node != node.id) continue;
    return ChangePeers({consensus::MembershipChange::Kind::kRemove, peer.peer, ""},
                       [this, admission](const absl::Status& status) {
                         if (!status.ok()) return Refuse(admission, status);
                         TakeIn(admission);
                       });
  }
  AddPeer(admission, false);
}

void EmbeddedCoordinator::Core::AddPeer(const AdmissionPtr& admission, bool add_node) {
  const consensus::Member member = ToMember({.peer = admission->request.peer(),
                                             .node = admission->node.id,
                                             .host = admission->node.host,
                                             .bus_port = admission->node.bus_port});
  ChangePeers({consensus::MembershipChange::Kind::kAddLearner, member.id, member.address},
              [this, admission, add_node](const absl::Status& status) {
                // Another attempt of the same node may have been quicker.
                if (!status.ok() && !IsPeer(admission->request.peer()))
                  return Refuse(admission, status);
                add_node ? AddToTopology(admission) : Welcome(admission);
              });
}

void EmbeddedCoordinator::Core::AddToTopology(const AdmissionPtr& admission) {
  requests_->Propose(
      {.change = AddNode{admission->node, admission->slots}, .timeout_ms = kStepPatienceMs},
      NewRequest(), [this, admission](const absl::Status& status) {
        if (status.ok()) return Welcome(admission);
        if (IsOpen(status) || stay_ == nullptr) return Refuse(admission, status, true);
        const Node* known = stay_->agreed().topology()->Find(admission->node.id);
        if (known != nullptr && IsPeer(admission->request.peer())) return Welcome(admission);
        TakeBack(admission, status);
      });
}

void EmbeddedCoordinator::Core::TakeBack(const AdmissionPtr& admission, const absl::Status& why) {
  ChangePeers({consensus::MembershipChange::Kind::kRemove, admission->request.peer(), ""},
              [this, admission, why](const absl::Status&) { Refuse(admission, why); });
}

void EmbeddedCoordinator::Core::Welcome(const AdmissionPtr& admission) {
  if (stay_ == nullptr) return Refuse(admission, absl::UnavailableError(""), true);
  --admissions_;
  LogNotice("a node joins the cluster", {{"node", admission->node.id.view()},
                                         {"host", std::string_view(admission->node.host)},
                                         {"bus_port", admission->node.bus_port}});
  JoinReply reply = Reply(JoinReply::WELCOME);
  reply.set_cluster(identity_.cluster);
  Write(*stay_->agreed().topology(), *reply.mutable_topology());
  for (const KnownPeer& peer : stay_->routes().Located()) Write(peer, *reply.add_members());
  admission->answer(reply);
}

void EmbeddedCoordinator::Core::Refuse(const AdmissionPtr& admission, const absl::Status& why,
                                       bool perhaps) {
  --admissions_;
  JoinReply reply = IsOpen(why) || why.ok() ? Reply(JoinReply::LATER)
                                            : Reply(JoinReply::REFUSED, Std(why.message()));
  reply.set_perhaps(perhaps);
  admission->answer(reply);
}

void EmbeddedCoordinator::Core::ChangePeers(const consensus::MembershipChange& change, Done done) {
  if (stay_ == nullptr) return done(absl::UnavailableError("it belongs to no cluster"));
  stay_->driver().Change(change, [this, stays = stays_, done](const absl::Status& status) {
    Post([this, stays, done, status] {
      done(stays == stays_ && stay_ != nullptr ? status
                                               : absl::UnavailableError("it has left the cluster"));
    });
  });
}

void EmbeddedCoordinator::Core::OnInvite(const wire::InviteRequest& request,
                                         const std::string& from, AnswerWith<JoinReply> answer) {
  if (const auto now = AnswerAtOnce(request.cluster())) return answer(*now);
  if (!IsAlone()) {
    return answer(Reply(JoinReply::REFUSED,
                        "both nodes are members of clusters of several nodes, which can't be "
                        "merged"));
  }
  const bool busy = admissions_ > 0 || (!meetings_.empty() && meetings_.front().asking);
  if (busy) return answer(Reply(JoinReply::LATER));
  meetings_.push_front({.host = request.host().empty() ? from : request.host(),
                        .bus_port = static_cast<uint16_t>(request.bus_port()),
                        .done =
                            [this, answer](const absl::Status& status) {
                              if (status.ok()) return answer(Reply(JoinReply::WELCOME));
                              answer(IsOpen(status)
                                         ? Reply(JoinReply::LATER)
                                         : Reply(JoinReply::REFUSED, Std(status.message())));
                            },
                        .deadline = Clock::now() + kComePatience});
  MeetingRound();
}

void EmbeddedCoordinator::Core::OnWhereabouts(const wire::WhereaboutsRequest& request,
                                              AnswerWith<wire::WhereaboutsReply> answer) {
  if (stay_ == nullptr || request.cluster() != identity_.cluster) return answer({});
  requests_->Barrier(kStepPatienceMs, [this, request, answer](const absl::Status& status) {
    wire::WhereaboutsReply reply;
    reply.set_certain(status.ok());
    reply.set_member(IsPeer(request.peer()));
    if (reply.member() && status.ok()) HearAddress(request);
    answer(reply);
  });
}

// It can't announce its new address by itself where nobody reaches it at the old one.
void EmbeddedCoordinator::Core::HearAddress(const wire::WhereaboutsRequest& request) {
  WireReader reader;
  const Node told = reader.Node(request.node());
  if (!request.has_node() || stay_ == nullptr || !reader.status().ok()) return;
  const TopologyPtr topology = stay_->agreed().topology();
  const Node* known = topology->Find(told.id);
  if (known == nullptr) return;
  Node wanted = AsTold(*known, told);
  if (wanted == *known) return;
  requests_->Propose({.change = UpdateNode{std::move(wanted)}}, NewRequest(),
                     [](const absl::Status&) {});
}

}  // namespace henge::cluster
