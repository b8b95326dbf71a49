// SPDX-License-Identifier: Apache-2.0
// EmbeddedCoordinator::Core: the parts of an embedded coordinator and how they act on each other.
// One thread, the courier's, but for the few that say otherwise; whatever comes from elsewhere (the
// driver, gRPC, callers) is posted to it.
//
//   core.cc             start, stays in clusters, rounds
//   core_founding.cc    found together
//   core_meeting.cc     asking others: to be taken in, to come
//   core_admission.cc   being asked
//   core_upkeep.cc      the leader's: who votes; of every node: what it announces of itself
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/bulletin.h"
#include "cluster/courier.h"
#include "cluster/embedded/coordinator_identity.h"
#include "cluster/embedded/embedded_coordinator.h"
#include "cluster/embedded/entry_service.h"
#include "cluster/embedded/pending_requests.h"
#include "cluster/embedded/stay.h"

namespace henge::cluster {

class EmbeddedCoordinator::Core final : private EntryHandler {
 public:
  Core(const EmbeddedOptions& options, persistence::FileSystem& files);
  ~Core() override;

  absl::Status Start();

  // Any thread.
  std::vector<std::shared_ptr<grpc::Service>> services() const {
    return {inbox_->service(), door_};
  }
  Bulletin& bulletin() { return *bulletin_; }
  uint64_t NewRequest() { return next_request_.fetch_add(1); }
  void Post(std::function<void()> errand) { courier_->Call(std::move(errand)); }
  void Propose(Proposal proposal, ProposalDone done);
  void Barrier(int64_t timeout_ms, BarrierDone done);
  void Meet(const std::string& host, uint16_t bus_port, Done done);
  void Reset(bool hard, Done done);

 private:
  using Clock = std::chrono::steady_clock;
  using JoinRequest = henge::coordinator::JoinRequest;
  using JoinReply = henge::coordinator::JoinReply;

  // An answer on its way to the courier's thread; given if it never gets there.
  class Owed {
   public:
    explicit Owed(Done done) : done_(std::move(done)) {}
    ~Owed() {
      if (done_) done_(absl::DeadlineExceededError("the node stops"));
    }
    Done Take() { return std::exchange(done_, nullptr); }

   private:
    Done done_;
  };
  // Another node, to be met.
  struct Meeting {
    std::string host;
    uint16_t bus_port = 0;
    Done done;
    Clock::time_point deadline;
    Clock::time_point next;      // Attempt.
    bool asking = false;         // One is under way.
    bool maybe_granted = false;  // One was not answered: others may have taken this node in.
    bool rejoin = false;         // The cluster that this node was to found exists without it.
    consensus::PeerId peer = consensus::kNobody;  // What it will be there.
  };
  // A node that wants to come in, step by step.
  struct Admission {
    JoinRequest request;
    Node node;
    std::vector<SlotRange> slots;
    AnswerWith<JoinReply> answer;
  };
  using AdmissionPtr = std::shared_ptr<Admission>;
  struct Greeting {
    bool asking = false;
    bool heard = false;  // It waits to found the cluster, too, or has counted this node.
  };

  // --- core.cc
  absl::Status Begin();
  absl::StatusOr<CoordinatorIdentity> FirstIdentity() const;
  CoordinatorIdentity AloneIdentity(const NodeId& node, uint64_t stay) const;
  absl::Status BeginStay();
  void EndStay();
  absl::Status MoveTo(CoordinatorIdentity next);  // Another cluster.
  // `known`: what had been agreed on, of which a node that keeps its id keeps the epochs.
  absl::Status BeAlone(bool hard, std::string_view why, const TopologyPtr& known = nullptr);
  void OnRound();
  void FollowCluster();
  void Found();  // The log's first entry.
  void DoReset(bool hard, Done done);
  bool IsAlone() const { return bulletin_->topology()->nodes().size() == 1; }

  // --- core_founding.cc
  void FoundingRound();
  void Greet(const Node& member);
  void OnGreeted(const NodeId& member, const grpc::Status& status,
                 const henge::coordinator::GreetReply& reply);
  void FoundIfMet();
  void OnGreet(const henge::coordinator::GreetRequest& request,
               AnswerWith<henge::coordinator::GreetReply> answer) override;

  // --- core_meeting.cc
  void StartMeeting(Meeting meeting);
  void MeetingRound();
  void AskToJoin(Meeting& meeting);
  void AskToCome(Meeting& meeting);
  void OnJoinReply(const grpc::Status& status, const JoinReply& reply);
  void OnWelcome(const JoinReply& reply);
  void OnComeReply(const grpc::Status& status, const JoinReply& reply);
  void AskAgain(std::chrono::milliseconds pause);
  void EndMeeting(const absl::Status& status);
  bool IsLeaving() const;  // It may be taken in elsewhere at any moment.
  absl::Status KeepPending(const Meeting& meeting);
  void ForgetPending();

  // --- core_admission.cc
  void OnJoin(const JoinRequest& request, const std::string& from,
              AnswerWith<JoinReply> answer) override;
  void OnInvite(const henge::coordinator::InviteRequest& request, const std::string& from,
                AnswerWith<JoinReply> answer) override;
  void OnWhereabouts(const henge::coordinator::WhereaboutsRequest& request,
                     AnswerWith<henge::coordinator::WhereaboutsReply> answer) override;
  void HearAddress(const henge::coordinator::WhereaboutsRequest& request);
  JoinReply Reply(JoinReply::Verdict verdict, std::string_view why = {}) const;
  std::optional<JoinReply> AnswerAtOnce(const std::string& cluster) const;
  void NameSelf(const AdmissionPtr& admission);
  void Examine(const AdmissionPtr& admission);
  void TakeIn(const AdmissionPtr& admission);
  void Readmit(const AdmissionPtr& admission, const Node& known);
  void AddPeer(const AdmissionPtr& admission, bool add_node);
  void AddToTopology(const AdmissionPtr& admission);
  void TakeBack(const AdmissionPtr& admission, const absl::Status& why);
  void Welcome(const AdmissionPtr& admission);
  void Refuse(const AdmissionPtr& admission, const absl::Status& why, bool perhaps = false);
  bool IsPeer(consensus::PeerId peer) const;
  void ChangePeers(const consensus::MembershipChange& change, Done done);

  // --- core_upkeep.cc
  void UpkeepRound();
  bool RemoveStrangers();
  bool StepVoters();
  bool StrikeVoters();
  void TellVoters();
  void SettleEpochs();
  std::set<NodeId> Voting() const;
  void ProposeVoters(std::vector<NodeId> voters);
  void AnnounceSelf();
  void HearOwn(const Change& change);
  static Node AsTold(const Node& known, Node told);
  void AskWhereabouts();
  std::set<NodeId> LostPeers() const;

  const EmbeddedOptions options_;
  Node self_;  // What it announces; as options_ say at first.
  persistence::FileSystem& files_;
  IdentityFile identity_file_;
  CoordinatorIdentity identity_;
  std::atomic<uint64_t> next_request_;
  const std::shared_ptr<consensus::GrpcInbox> inbox_ = std::make_shared<consensus::GrpcInbox>();
  const std::shared_ptr<EntryService> door_ = std::make_shared<EntryService>();

  std::unique_ptr<Bulletin> bulletin_;
  std::unique_ptr<PendingRequests> requests_;
  std::unique_ptr<EntryClient> client_;
  std::unique_ptr<Stay> stay_;
  uint64_t stays_ = 0;  // Counts them.
  Clock::time_point founding_again_;

  std::map<NodeId, Greeting> greetings_;
  std::map<NodeId, std::string> tokens_;
  Clock::time_point greet_again_;
  std::optional<Clock::time_point> majority_since_;

  std::deque<Meeting> meetings_;  // The first is under way.
  int admissions_ = 0;
  bool resetting_ = false;
  bool started_ = false;

  bool changing_peers_ = false;
  uint64_t settled_version_ = 0;  // Of the topology in which no two leaders have one epoch.
  Clock::time_point upkeep_again_;
  Clock::time_point announce_again_;
  std::map<consensus::PeerId, Clock::time_point> strangers_;  // Peers without a node, since when.
  std::optional<Clock::time_point> leading_since_;
  Clock::time_point leader_seen_;
  bool asking_whereabouts_ = false;

  std::unique_ptr<Courier> courier_;  // Last: its thread uses all of the above.
};

}  // namespace henge::cluster
