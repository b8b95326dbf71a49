// SPDX-License-Identifier: Apache-2.0
// Found together. A node that has lost its disk looks like one that never had any; were it to vote
// again in a term in which it had voted, two could lead. So nobody begins before a majority of the
// first voters has met: those who wait as well, or who have founded the cluster and counted this
// very node then, by the token that its directory has. Who finds the cluster founded without it
// comes in as another member of consensus (core_meeting.cc).
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "cluster/embedded/coordinator_core.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;

constexpr std::chrono::milliseconds kGreetAgain{100};
constexpr std::chrono::milliseconds kGreetPatience{1000};

}  // namespace

void EmbeddedCoordinator::Core::FoundingRound() {
  if (!meetings_.empty() && meetings_.front().rejoin) return;
  if (Clock::now() >= greet_again_) {
    greet_again_ = Clock::now() + kGreetAgain;
    for (const Node& member : identity_.first->nodes()) {
      if (member.id != identity_.node && !greetings_[member.id].asking) Greet(member);
    }
  }
  FoundIfMet();
}

void EmbeddedCoordinator::Core::Greet(const Node& member) {
  greetings_[member.id].asking = true;
  wire::GreetRequest request;
  request.set_node(identity_.node.str());
  request.set_token(identity_.token);
  client_->Ask<wire::GreetRequest, wire::GreetReply>(
      {.id = member.id, .host = member.host, .bus_port = member.bus_port}, kGreetPatience,
      &EntryClient::Stub::async::Greet, std::move(request),
      [this, id = member.id](const grpc::Status& status, const wire::GreetReply& reply) {
        OnGreeted(id, status, reply);
      });
}

void EmbeddedCoordinator::Core::OnGreeted(const NodeId& member, const grpc::Status& status,
                                          const wire::GreetReply& reply) {
  Greeting& greeting = greetings_[member];
  greeting.asking = false;
  if (identity_.founded || !status.ok() || reply.node() != member.view()) return;
  switch (reply.relation()) {
    case wire::GreetReply::FRESH:
    case wire::GreetReply::KNOWN:
      greeting.heard = true;
      tokens_[member] = reply.token();
      return FoundIfMet();
    case wire::GreetReply::STRANGER: {
      if (!meetings_.empty() && meetings_.front().rejoin) return;
      LogNotice("the cluster exists already: this node comes back to it",
                {{"node", identity_.node.view()}});
      const Node& there = *identity_.first->Find(member);
      meetings_.push_front({.host = there.host,
                            .bus_port = there.bus_port,
                            .deadline = Clock::now() + options_.meeting_patience,
                            .rejoin = true,
                            .peer = RandomPeer()});
      return;
    }
    default:
      LogWarning("a node at a member's address belongs to another cluster",
                 {{"node", member.view()}});
  }
}

void EmbeddedCoordinator::Core::FoundIfMet() {
  size_t met = 0;
  size_t voters = 0;
  bool all = true;
  for (const KnownPeer& member : identity_.first_members) {
    const bool here = member.node == identity_.node || greetings_[member.node].heard;
    all = all && here;
    if (!member.voter) continue;
    ++voters;
    if (here) ++met;
  }
  if (met <= voters / 2) return;
  if (!majority_since_) majority_since_ = Clock::now();
  if (!all && Clock::now() < *majority_since_ + options_.founding_grace) return;
  CoordinatorIdentity founded = identity_;
  founded.founded = true;
  founded.tokens = tokens_;
  if (const absl::Status written = identity_file_.Write(founded); !written.ok()) {
    LogWarning("the node can't write who it is", {{"error", Std(written.message())}});
    return;
  }
  identity_ = std::move(founded);
  leader_seen_ = Clock::now();
  if (const absl::Status begun = BeginStay(); !begun.ok())
    LogError("consensus can't begin; it is tried again", {{"error", Std(begun.message())}});
}

// Each greeting tells both ends of the other's token: who was counted by one knows of it.
void EmbeddedCoordinator::Core::OnGreet(const wire::GreetRequest& request,
                                        AnswerWith<wire::GreetReply> answer) {
  wire::GreetReply reply;
  reply.set_node(identity_.node.str());
  reply.set_token(identity_.token);
  const auto node = NodeId::Parse(request.node());
  if (!node || identity_.first->Find(*node) == nullptr) {
    const bool known = node && bulletin_->topology()->Find(*node) != nullptr;
    reply.set_relation(known ? wire::GreetReply::STRANGER : wire::GreetReply::NOBODY);
  } else if (!identity_.founded) {
    reply.set_relation(wire::GreetReply::FRESH);
    tokens_[*node] = request.token();
    greetings_[*node].heard = true;
  } else {
    const auto at = identity_.tokens.find(*node);
    const bool counted = at != identity_.tokens.end() && at->second == request.token();
    reply.set_relation(counted ? wire::GreetReply::KNOWN : wire::GreetReply::STRANGER);
  }
  answer(reply);
}

}  // namespace henge::cluster
