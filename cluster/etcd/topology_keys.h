// SPDX-License-Identifier: Apache-2.0
// TopologyKeys: the two keys in etcd as this node knows them. They are read once and then watched;
// where the watch ends, and each second besides, it is looked whether something was missed.
//
//   Range, Watch, Txn ──> Take ──> newer than what is known? ──> record, leader ──> Listener
//
// What is known goes forward alone, by etcd's revisions. A value that can't be followed (garbage,
// another cluster's, an older document, none any more) leaves the last good one in place and is the
// keys' trouble: nothing is confirmed meanwhile. When the store itself has gone back, as after a
// backup, that lasts until the process ends.
//
// One thread, but for trouble().
#pragma once

#include <absl/status/status.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/etcd/etcd_client.h"
#include "cluster/etcd/key_watch.h"
#include "cluster/etcd/topology_record.h"

namespace henge::cluster {

struct LeaderKey {
  int64_t revision = 0;  // In which it was put; 0: there is none.
  NodeId holder;         // Zero: nobody, or no id.
  int64_t lease = 0;
};

class TopologyKeys {
 public:
  using Clock = std::chrono::steady_clock;
  using Confirmed = std::function<void(const absl::Status&)>;
  struct Listener {
    std::function<void()> record;  // There is a newer one, or it is certain that there is none.
    std::function<void()> leader;
  };

  // `cluster`: the only one whose record is followed; empty: any, the first that there is.
  TopologyKeys(std::string_view prefix, std::string cluster, std::chrono::milliseconds patience,
               EtcdClient& client, EtcdClient::Post post, Listener listener);

  const std::string& topology_key() const { return topology_key_; }
  const std::string& leader_key() const { return leader_key_; }

  // The last good one, and in which revision it was put (0, without one).
  const std::optional<TopologyRecord>& record() const { return record_; }
  int64_t revision() const { return revision_; }
  bool is_vacant() const { return vacant_; }  // It was looked, and nobody has made a topology.
  bool has_read() const { return has_read_; }
  const LeaderKey& leader() const { return leader_; }
  std::string trouble() const;  // Any thread.

  void OnRound();
  void ReadSoon() { stale_ = true; }
  // One attempt. OK: what is known was the present one after the call.
  void Confirm(std::chrono::milliseconds deadline, Confirmed confirmed);

  // What a Txn of this node's has put in that revision, or read instead.
  void Adopt(TopologyRecord record, int64_t revision);
  void AdoptLeader(const LeaderKey& leader, int64_t revision);
  void MeetTopology(const etcdserverpb::TxnResponse& refused);
  void MeetLeader(const etcdserverpb::TxnResponse& refused);

 private:
  etcdserverpb::RangeRequest Span() const;
  void Read(Confirmed done);
  void BeginWatch(int64_t revision);
  void OnWatched(const etcdserverpb::WatchResponse& response);
  bool KnowsAll(const etcdserverpb::RangeResponse& reply) const;
  void Take(const etcdserverpb::RangeResponse& reply, int64_t revision);
  void TakeTopology(const etcdserverpb::KeyValue& kv);
  void TakeLeader(const etcdserverpb::KeyValue* kv, int64_t revision);
  void TakeNoTopology(int64_t revision);
  bool CheckRevision(int64_t revision, int64_t known_before);
  void Trouble(std::string why);

  const std::string topology_key_;
  const std::string leader_key_;
  const std::chrono::milliseconds patience_;
  EtcdClient& client_;
  const EtcdClient::Post post_;
  const Listener listener_;
  std::string cluster_;

  std::optional<TopologyRecord> record_;
  int64_t revision_ = 0;
  int64_t looked_at_ = 0;  // The last revision of the topology's key, good or not.
  bool vacant_ = false;
  bool has_read_ = false;
  LeaderKey leader_;
  int64_t leader_at_ = 0;   // As of which revision that is so.
  int64_t seen_ = 0;        // The highest revision of the store.
  bool went_back_ = false;  // The store did.

  bool stale_ = true;
  bool reading_ = false;
  bool reviewing_ = false;
  Clock::time_point next_read_ = {};
  Clock::time_point next_review_ = {};
  uint64_t watches_ = 0;  // Counts them.
  std::unique_ptr<KeyWatch> watch_;

  mutable std::mutex mutex_;
  std::string trouble_;  // Guarded by mutex_.
};

}  // namespace henge::cluster
