// SPDX-License-Identifier: Apache-2.0
// Replica: a process's copy of one group's data, and what it does with it as leader or follower.
// Here stands what cluster/failover/group_host.h asks of a server, over the real ends of streams
// (replication/leader_end.h, follower_end.h). One thread.
//
// A byte of the history is one write, by number.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "cluster/failover/beat.h"
#include "cluster/failover/lease.h"
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

  // --- What this node is, by a topology that was confirmed since the process began.
  void Adopt(const cluster::Group& group);
  void Leave();  // It has no part in the group any more.
  void Tick();   // Each 50 ms of its clock.
  // The process ends; `tell`: the other ends of its streams see it.
  void End(bool tell);

  // --- The judge's answer.
  void Grant(Epoch epoch, int64_t sent_micros, int64_t lease_micros);
  cluster::LeaseHolder& lease() { return lease_; }
  bool MayAcknowledge() const;
  cluster::GroupReport Report() const;

  // --- As a leader.
  bool Leads() const { return lease_.leading(); }
  bool live() const { return state_ == cluster::DataState::kLive; }
  void Write(Concern concern);
  void StopWrites() { stopped_ = true; }
  void ResumeWrites() { stopped_ = false; }
  bool stopped() const { return stopped_; }
  // Who counts for acknowledgements besides the topology's in-sync set.
  std::set<cluster::NodeId>& joining() { return joining_; }
  struct Standing {
    bool online = false;
    int64_t acknowledged = 0;
    bool lags = false;       // Lacks what was there 300 ms ago.
    bool caught_up = false;  // Has all that counts as acknowledged, and nearly all there is.
  };
  Standing StandingOf(size_t follower) const;
  bool changing = false;  // A SetInSync is under way.

  // --- Streams.
  replication::Holding Holding() const;
  bool Serves() const;
  void Attach(size_t follower, std::shared_ptr<Stream> stream);
  void Detach(const Stream* stream);
  void OnAcknowledged() { Release(); }  // By some follower.
  void LoseLink();
  std::vector<std::shared_ptr<Stream>> streams() const;
  void Learn(Epoch epoch) { newest_epoch_ = std::max(newest_epoch_, epoch); }
  // Something a leader said was believed, and counts as of that epoch.
  void Believe(Epoch epoch);
  // As a follower, what its stream makes of the data.
  void GoOnUnder(std::string_view history_id, Epoch epoch);
  void Load(std::string_view history_id, const std::vector<uint32_t>& log, Epoch epoch);
  void Append(std::span<const uint32_t> writes, Epoch epoch);
  void HasAll() { state_ = cluster::DataState::kLive; }
  std::string_view Name() const { return id_.view().substr(0, 4); }

  const replication::History& history() const { return history_; }
  const std::vector<uint32_t>& log() const { return log_; }
  int64_t end() const { return static_cast<int64_t>(log_.size()); }
  int64_t synced() const { return synced_; }
  Epoch data_epoch() const { return data_epoch_; }
  Epoch newest_epoch() const { return newest_epoch_; }
  const cluster::Group& group() const { return group_; }
  const std::shared_ptr<Stream>& link() const { return link_; }
  void Sync();  // The disk has all of it, then.

 private:
  struct Pending {
    int64_t offset;
    uint32_t write;
    Concern concern;
  };
  struct Sample {
    int64_t at;
    int64_t end;
  };

  void TakeLead(Epoch epoch);
  void Follow(size_t leader);
  void Connect(size_t leader);
  void Acknowledge(uint32_t write, Concern concern);
  void BecomeLive();
  void OnServes();  // For the first time in the epoch.
  void DropTail(const std::vector<uint32_t>& next);
  int64_t ReplicatedTo() const;
  void Release();
  void CloseStreams();
  bool Counts(const cluster::NodeId& follower) const;

  World& world_;
  const size_t self_;
  const cluster::GroupId id_;
  cluster::Group group_;
  cluster::DataState state_ = cluster::DataState::kLoading;

  replication::History history_;
  std::vector<uint32_t> log_;
  Epoch data_epoch_ = 0;
  Epoch newest_epoch_ = 0;
  int64_t kept_from_ = 0;
  int64_t synced_ = 0;          // Of log_, on the disk.
  bool disk_is_other_ = false;  // What the disk has is no beginning of log_.
  size_t led_from_ = SIZE_MAX;  // Where this process's own writes begin, as a leader.

  cluster::LeaseHolder lease_;
  Epoch served_epoch_ = 0;   // In which it had a lease.
  Epoch revived_epoch_ = 0;  // For which a lease said that what it found is the group's data.
  bool stopped_ = false;
  std::set<cluster::NodeId> joining_;
  std::map<size_t, std::shared_ptr<Stream>> streams_;
  std::deque<Sample> samples_;
  std::deque<Pending> pending_;
  int64_t replicated_to_ = 0;

  std::shared_ptr<Stream> link_;
  int64_t connect_at_ = 0;
};

}  // namespace henge::sim
