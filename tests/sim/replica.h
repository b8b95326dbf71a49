// SPDX-License-Identifier: Apache-2.0
// Replica: a process's copy of one group's data, and what it does with it as leader or follower:
// what cluster/failover/group_host.h asks of a server, over the real ends of streams
// (replication/leader_end.h, follower_end.h). One thread.
//
// A byte of the history is one write, by number. A leader whose data is not live serves nobody:
// what it found on its disk may lack what its followers have.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/failover/beat.h"
#include "cluster/failover/group_host.h"
#include "replication/counted_insync.h"
#include "replication/history.h"
#include "replication/leader_end.h"
#include "tests/sim/kept_writes.h"
#include "tests/sim/world.h"

namespace henge::sim {

class Stream;

class Replica {
 public:
  // Reads what the disk has, which takes a while.
  Replica(World& world, size_t self, const cluster::GroupId& group);
  ~Replica();

  // --- What this node is. Said while the disk is read still, it is done when that is over.
  void Lead(Epoch epoch);
  void Follow(Epoch epoch, size_t leader);
  void Leave();
  void SetLease(int64_t until);
  void BecomeLive();
  void Tick();  // Each 50 ms of its clock.
  // The process ends; `tell`: the other ends of its streams see it.
  void End(bool tell);

  bool MayAcknowledge() const { return world_.Local(self_) < lease_until_; }
  cluster::GroupReport Report() const;

  // --- As a leader.
  bool leads() const { return part_ == Part::kLeads; }
  bool live() const { return state_ == cluster::DataState::kLive; }
  void Write(Concern concern);
  void StopWrites();
  void ResumeWrites();
  void Count(std::vector<size_t> followers);
  std::vector<cluster::GroupHost::Follower> Followers();

  // --- Streams.
  replication::Holding Holding() const;
  bool Serves() const;
  void Attach(size_t follower, std::shared_ptr<Stream> stream);
  void Detach(const Stream* stream);
  void OnAcknowledged(const Stream& stream);
  void LoseLink();
  void Learn(Epoch epoch) { newest_epoch_ = std::max(newest_epoch_, epoch); }
  // As a follower, what its stream makes of the data.
  void GoOnUnder(std::string_view history_id, Epoch epoch);
  // `common`: how much of the data here is the leader's, too, at most; -1: it does not know.
  void Load(std::string_view history_id, const std::vector<uint32_t>& log, Epoch epoch,
            int64_t common);
  // What the leader's history, which is this one now, was called before.
  void Remember(std::vector<replication::EarlierName> earlier) {
    history_.Remember(std::move(earlier));
  }
  // What it has now the leader's process has, too, which is the one to tell what becomes of it.
  void LeaveTo(size_t leader, uint64_t life);
  void Append(std::span<const uint32_t> writes, Epoch epoch);
  // The node goes to another group: what it led with and nobody else has is told.
  void Forget() { DropTail({}, -1); }
  void HasAll() {
    state_ = cluster::DataState::kLive;
    full_epoch_ = data_epoch_;
  }
  void Sync();  // The disk has all of it, then.

  const cluster::GroupId& id() const { return id_; }
  const replication::History& history() const { return history_; }
  const std::vector<uint32_t>& log() const { return log_; }
  int64_t end() const { return static_cast<int64_t>(log_.size()); }
  int64_t synced() const { return synced_; }
  Epoch data_epoch() const { return data_epoch_; }
  Epoch newest_epoch() const { return newest_epoch_; }
  const std::shared_ptr<Stream>& link() const { return link_; }
  std::string_view Name() const { return id_.view().substr(0, 4); }

 private:
  enum class Part : uint8_t { kNone, kLeads, kFollows };
  struct Pending {
    int64_t offset;
    uint32_t write;
    Concern concern;
  };
  void Assume();
  void Rise();
  void OnServes();  // For the first time in the epoch.
  void Connect();
  void Acknowledge(uint32_t write, Concern concern);
  void DropTail(const std::vector<uint32_t>& next, int64_t said);
  // Something a leader said was believed, and counts as of that epoch.
  void Believe(Epoch epoch);
  void Release();
  void CloseStreams();
  std::vector<std::shared_ptr<Stream>> streams() const;

  World& world_;
  const size_t self_;
  const cluster::GroupId id_;
  cluster::DataState state_ = cluster::DataState::kLoading;

  Part part_ = Part::kNone;
  Epoch epoch_ = 0;  // In which it leads or follows.
  size_t leader_ = SIZE_MAX;

  replication::History history_;
  std::vector<uint32_t> log_;
  Epoch data_epoch_ = 0;
  Epoch full_epoch_ = 0;  // The last of whose leader it had all there was; told in beats.
  Epoch newest_epoch_ = 0;
  int64_t kept_from_ = 0;
  int64_t synced_ = 0;          // Of log_, on the disk.
  bool disk_is_other_ = false;  // What the disk has is no beginning of log_.
  bool own_name_ = false;       // Nobody else has written under the history's name.

  int64_t lease_until_ = INT64_MIN;
  Epoch served_epoch_ = 0;   // In which it had a lease.
  Epoch revived_epoch_ = 0;  // For which a lease said that what it found is the group's data.
  bool stopped_ = false;
  bool keeps_lease_ = false;  // By Bug::kKeepsLease.
  replication::CountedInSync gate_;
  size_t counted_ = 0;
  std::map<size_t, std::shared_ptr<Stream>> streams_;
  std::deque<Pending> pending_;

  std::shared_ptr<Stream> link_;
  int64_t connect_at_ = 0;
};

}  // namespace henge::sim
