// SPDX-License-Identifier: Apache-2.0
// ChangeQueue: changes of the topology in etcd, from when they are asked for until their askers
// know.
//
//   several at once ── Apply, on the record that is known ──> Txn: still that one? put the next
//        ^                                                        │ no: what it met is known now
//        └────────────────────────────────────────────────────────┘
//
// A request that was applied is named in the record, so it is never applied twice, whatever became
// of the Txn that it was in; this node remembers its own refusals. The last 1024 of each: a request
// may be made again so long.
//
// One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cluster/coordinator.h"
#include "cluster/etcd/etcd_client.h"
#include "cluster/etcd/topology_keys.h"

namespace henge::cluster {

class ChangeQueue {
 public:
  using Clock = std::chrono::steady_clock;
  struct Request {
    uint64_t number = 0;          // Not 0.
    std::vector<Change> changes;  // All or none; refused with the first refusal.
    uint64_t expected_version = 0;
    int64_t timeout_ms = 5000;
    ProposalDone done;
  };

  // `tell` is called before each outcome: watchers know before the proposer does.
  ChangeQueue(TopologyKeys& keys, EtcdClient& client, std::chrono::milliseconds patience,
              std::function<void()> tell)
      : keys_(keys), client_(client), patience_(patience), tell_(std::move(tell)) {}
  ~ChangeQueue() { End("the node stops"); }
  ChangeQueue(const ChangeQueue&) = delete;
  ChangeQueue& operator=(const ChangeQueue&) = delete;

  void Ask(Request request);
  void OnRound();
  // What was sent is unknown, the rest never will be.
  void End(std::string_view why);

 private:
  struct Waiting {
    Request request;
    Clock::time_point deadline;
    bool sent = false;  // It may have been applied.
  };
  struct Batch {
    int64_t base = 0;  // The revision of the record that it changes.
    TopologyRecord next;
    std::string bytes;
    std::vector<std::pair<uint64_t, absl::Status>> outcomes;  // By number.
    bool changes = false;
  };
  void Write();
  std::shared_ptr<Batch> Prepare(size_t limit);
  absl::Status Decide(const Request& request, Batch& batch) const;
  void Send(const std::shared_ptr<Batch>& batch);
  void OnSent(const Batch& batch, const absl::Status& status,
              const etcdserverpb::TxnResponse& reply);
  void MarkSent(const Batch& batch);
  void ForgetSent();
  void Refuse(uint64_t number, const absl::Status& why);
  void Finish(uint64_t number, const absl::Status& outcome);
  void Expire();

  TopologyKeys& keys_;
  EtcdClient& client_;
  const std::chrono::milliseconds patience_;
  const std::function<void()> tell_;
  std::deque<Waiting> waiting_;
  std::deque<std::pair<uint64_t, absl::Status>> refusals_;  // The oldest first.
  bool writing_ = false;
  std::string last_error_;
};

}  // namespace henge::cluster
