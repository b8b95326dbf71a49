// SPDX-License-Identifier: Apache-2.0
// EtcdCoordinator::Core: the parts of the coordinator, and the node's way into its cluster and out
// of it. One thread, the courier's; whatever comes from elsewhere (gRPC, callers) is posted to it.
//
//   etcd_core.cc         start, rounds, proposals and barriers
//   etcd_membership.cc   founding, joining, being forgotten; MEET and RESET
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/bulletin.h"
#include "cluster/courier.h"
#include "cluster/etcd/candidacy.h"
#include "cluster/etcd/change_queue.h"
#include "cluster/etcd/etcd_client.h"
#include "cluster/etcd/etcd_coordinator.h"
#include "cluster/etcd/member_file.h"
#include "cluster/etcd/topology_keys.h"

namespace henge::cluster {

class EtcdCoordinator::Core {
 public:
  Core(const EtcdOptions& options, persistence::FileSystem& files);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  absl::Status Start();

  // Any thread.
  Bulletin& bulletin() { return *bulletin_; }
  std::string trouble() const { return keys_->trouble(); }
  uint64_t NewRequest() { return next_request_.fetch_add(1); }
  void Propose(Proposal proposal, ProposalDone done);
  void Barrier(int64_t timeout_ms, BarrierDone done);
  void Meet(const std::string& host, uint16_t bus_port, Done done);
  void Reset(bool hard, Done done);

 private:
  using Clock = std::chrono::steady_clock;

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
  struct PendingBarrier {
    BarrierDone done;
    Clock::time_point deadline;
    bool asking = false;
  };

  // --- etcd_core.cc
  void Post(std::function<void()> errand) { courier_->Call(std::move(errand)); }
  absl::Status Begin();
  void OnRound();
  void TellLeader();
  void AskBarrier(uint64_t key);
  void EndBarrier(uint64_t key, const absl::Status& status);
  void BarrierRound();

  // --- etcd_membership.cc
  absl::StatusOr<MemberIdentity> FirstMember() const;
  absl::StatusOr<TopologyPtr> FirstTopology(const NodeId& node) const;
  TopologyPtr Alone(const NodeId& node) const;
  void FollowRecord();
  void FollowAsMember(const TopologyPtr& topology);
  void Found();
  void Join();
  std::vector<Change> JoiningChanges(const Topology& topology, const NodeId& node) const;
  void BecomeNext();
  void BeOut();
  void ComeIn(Done done);
  void EndMeetings(const absl::Status& status);
  void AnnounceSelf(const Topology& topology);
  void HearOwn(const Change& change);
  void ResetAsMember(bool hard, Done done);
  absl::Status ResetOutside(bool hard);
  bool Keep(MemberIdentity member);

  const EtcdOptions options_;
  Node self_;  // What it announces; as options_ say at first.
  MemberFile file_;
  MemberIdentity member_;
  std::atomic<uint64_t> next_request_;

  std::unique_ptr<Bulletin> bulletin_;
  std::unique_ptr<EtcdClient> client_;
  std::unique_ptr<TopologyKeys> keys_;
  std::unique_ptr<ChangeQueue> queue_;
  std::unique_ptr<Candidacy> candidacy_;

  bool started_ = false;
  bool entered_ = false;  // The bulletin has the cluster's topology, with this node.
  bool out_ = false;      // It was a member, and is none any more.
  bool founding_ = false;
  bool joining_ = false;
  Clock::time_point join_again_ = {};
  Clock::time_point announce_again_ = {};
  std::vector<Done> meetings_;
  bool resetting_ = false;

  uint64_t next_barrier_ = 1;
  std::map<uint64_t, PendingBarrier> barriers_;

  std::unique_ptr<Courier> courier_;  // Last: its thread uses all of the above.
};

}  // namespace henge::cluster
