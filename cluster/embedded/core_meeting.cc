// SPDX-License-Identifier: Apache-2.0
// Meeting another node. Who is alone asks to be taken in; who is not asks the other to come, which
// then asks in its turn. One meeting at a time.
//
// Two that are alone and ask each other at the same time answer each other "later". The one of the
// smaller id then rests for a moment in which it may be asked; nobody rests who may have been taken
// in already, since it would be in two clusters.
//
// What this node will be in the other's consensus is written down before it asks, so that after a
// crash it asks for the same again. Only when it was welcomed does it give up its own cluster.
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "cluster/embedded/coordinator_core.h"
#include "cluster/topology/codec.h"
#include "cluster/topology/wire_reader.h"

namespace henge::cluster {
namespace {

namespace wire = henge::coordinator;
using std::chrono::milliseconds;

constexpr milliseconds kJoinPatience{10'000};
constexpr milliseconds kPause{50};
constexpr milliseconds kUnreachablePause{200};

NodeId IdOf(const std::string& text) { return NodeId::Parse(text).value_or(NodeId()); }

absl::Status Verdict(const wire::JoinReply& reply) {
  return absl::FailedPreconditionError(reply.why());
}

}  // namespace

void EmbeddedCoordinator::Core::Meet(const std::string& host, uint16_t bus_port, Done done) {
  const auto owed = std::make_shared<Owed>(std::move(done));
  Post([this, host, bus_port, owed] {
    StartMeeting({.host = host,
                  .bus_port = bus_port,
                  .done = owed->Take(),
                  .deadline = Clock::now() + options_.meeting_patience});
  });
}

void EmbeddedCoordinator::Core::StartMeeting(Meeting meeting) {
  meetings_.push_back(std::move(meeting));
  MeetingRound();
}

// Whether nobody else may be taken in, since this node may be elsewhere at any moment.
bool EmbeddedCoordinator::Core::IsLeaving() const {
  if (meetings_.empty()) return false;
  const Meeting& meeting = meetings_.front();
  return meeting.maybe_granted || (meeting.asking && meeting.peer != consensus::kNobody);
}

void EmbeddedCoordinator::Core::MeetingRound() {
  if (meetings_.empty() || resetting_) return;
  Meeting& meeting = meetings_.front();
  const Clock::time_point now = Clock::now();
  if (meeting.asking || now < meeting.next) return;
  if (now >= meeting.deadline && !meeting.rejoin)
    return EndMeeting(absl::DeadlineExceededError("the node to meet did not answer in time"));
  if (meeting.rejoin) return AskToJoin(meeting);
  if (stay_ == nullptr || stay_->agreed().cluster().empty()) return;
  if (admissions_ > 0) return;
  IsAlone() ? AskToJoin(meeting) : AskToCome(meeting);
}

absl::Status EmbeddedCoordinator::Core::KeepPending(const Meeting& meeting) {
  const PendingJoin pending{meeting.peer, meeting.host, meeting.bus_port};
  if (identity_.joining == pending) return absl::OkStatus();
  CoordinatorIdentity next = identity_;
  next.joining = pending;
  if (absl::Status written = identity_file_.Write(next); !written.ok()) return written;
  identity_ = std::move(next);
  return absl::OkStatus();
}

void EmbeddedCoordinator::Core::ForgetPending() {
  if (!identity_.joining) return;
  identity_.joining.reset();
  if (const absl::Status written = identity_file_.Write(identity_); !written.ok())
    LogWarning("the node can't write who it is", {{"error", Std(written.message())}});
}

void EmbeddedCoordinator::Core::AskToJoin(Meeting& meeting) {
  if (meeting.peer == consensus::kNobody) meeting.peer = RandomPeer();
  if (!meeting.rejoin) {
    if (const absl::Status kept = KeepPending(meeting); !kept.ok()) return EndMeeting(kept);
  }
  meeting.asking = true;
  requests_->Hold(true);
  wire::JoinRequest request;
  const TopologyPtr topology = stay_ == nullptr ? identity_.first : stay_->agreed().topology();
  Node self = *topology->Find(identity_.node);
  if (meeting.rejoin || self.host.empty()) self.host = self_.host;
  WriteNode(self, *request.mutable_node());
  if (!meeting.rejoin)
    WriteRanges(topology->RangesOf(topology->IndexOf(self.id)), *request.mutable_slots());
  request.set_peer(meeting.peer);
  if (!meeting.rejoin) request.set_cluster(identity_.cluster);
  request.set_asked_host(meeting.host);
  client_->Ask<wire::JoinRequest, wire::JoinReply>(
      {.host = meeting.host, .bus_port = meeting.bus_port}, kJoinPatience,
      &EntryClient::Stub::async::Join, std::move(request),
      [this](const grpc::Status& status, const wire::JoinReply& reply) {
        OnJoinReply(status, reply);
      });
}

void EmbeddedCoordinator::Core::OnJoinReply(const grpc::Status& status,
                                            const wire::JoinReply& reply) {
  if (meetings_.empty() || !meetings_.front().asking) return;
  Meeting& meeting = meetings_.front();
  meeting.asking = false;
  if (!status.ok()) {
    // Unless it was never reached the other may have agreed.
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE) meeting.maybe_granted = true;
    return AskAgain(kUnreachablePause);
  }
  switch (reply.verdict()) {
    case wire::JoinReply::WELCOME:
      return OnWelcome(reply);
    case wire::JoinReply::SAME:
      return EndMeeting(absl::OkStatus());
    case wire::JoinReply::REFUSED:
      if (meeting.rejoin) {
        LogWarning("the cluster does not take this node back",
                   {{"why", std::string_view(reply.why())}});
        return AskAgain(std::chrono::seconds(1));
      }
      return EndMeeting(Verdict(reply));
    default:
      meeting.maybe_granted = reply.perhaps();
      const bool rests = !meeting.rejoin && identity_.node < IdOf(reply.node());
      return AskAgain(rests ? kPause * 2 + milliseconds(ThreadRandom().Below(200)) : kPause);
  }
}

void EmbeddedCoordinator::Core::AskAgain(milliseconds pause) {
  Meeting& meeting = meetings_.front();
  meeting.next = Clock::now() + pause;
  if (!meeting.maybe_granted) requests_->Hold(false);
}

void EmbeddedCoordinator::Core::OnWelcome(const wire::JoinReply& reply) {
  absl::StatusOr<TopologyPtr> topology = Read(reply.topology());
  if (!topology.ok()) return EndMeeting(topology.status());
  if ((*topology)->Find(identity_.node) == nullptr)
    return EndMeeting(absl::InternalError("it was welcomed to a cluster that does not know it"));
  CoordinatorIdentity next{.node = identity_.node,
                           .token = identity_.token,
                           .peer = meetings_.front().peer,
                           .stay = identity_.stay + 1,
                           .founded = true,
                           .cluster = reply.cluster(),
                           .first = *std::move(topology)};
  for (const wire::KnownPeer& member : reply.members()) {
    KnownPeer peer = Read(member);
    // Who has no host yet is at least where this node has found one of them.
    if (peer.host.empty() && peer.node == IdOf(reply.node())) peer.host = meetings_.front().host;
    if (peer.peer != next.peer) next.known.push_back(std::move(peer));
  }
  LogNotice("this node joins a cluster", {{"cluster", std::string_view(reply.cluster())}});
  const absl::Status moved = MoveTo(std::move(next));
  if (!moved.ok()) {  // The disk: the cluster has this node, and it will ask for the same again.
    meetings_.front().maybe_granted = true;
    return AskAgain(std::chrono::seconds(1));
  }
  EndMeeting(absl::OkStatus());
}

void EmbeddedCoordinator::Core::AskToCome(Meeting& meeting) {
  meeting.asking = true;
  meeting.peer = consensus::kNobody;
  ForgetPending();
  wire::InviteRequest request;
  request.set_node(identity_.node.str());
  if (const Node* self = bulletin_->topology()->Find(identity_.node)) request.set_host(self->host);
  request.set_bus_port(self_.bus_port);
  request.set_cluster(identity_.cluster);
  client_->Ask<wire::InviteRequest, wire::JoinReply>(
      {.host = meeting.host, .bus_port = meeting.bus_port}, kJoinPatience,
      &EntryClient::Stub::async::Invite, std::move(request),
      [this](const grpc::Status& status, const wire::JoinReply& reply) {
        OnComeReply(status, reply);
      });
}

void EmbeddedCoordinator::Core::OnComeReply(const grpc::Status& status,
                                            const wire::JoinReply& reply) {
  if (meetings_.empty() || !meetings_.front().asking) return;
  meetings_.front().asking = false;
  if (!status.ok()) return AskAgain(kUnreachablePause);
  switch (reply.verdict()) {
    case wire::JoinReply::WELCOME:
    case wire::JoinReply::SAME:
      return EndMeeting(absl::OkStatus());
    case wire::JoinReply::REFUSED:
      return EndMeeting(Verdict(reply));
    default:
      return AskAgain(kPause);
  }
}

void EmbeddedCoordinator::Core::EndMeeting(const absl::Status& status) {
  Meeting meeting = std::move(meetings_.front());
  meetings_.pop_front();
  ForgetPending();
  requests_->Hold(false);
  if (!status.ok())
    LogWarning("this node has not met another", {{"host", std::string_view(meeting.host)},
                                                 {"bus_port", meeting.bus_port},
                                                 {"why", Std(status.message())}});
  if (meeting.done) meeting.done(status);
}

}  // namespace henge::cluster
