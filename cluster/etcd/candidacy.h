// SPDX-License-Identifier: Apache-2.0
// Candidacy: this node's part in who leads the coordinator. Whoever puts the leader's key where
// there is none leads, as long as the key's lease is kept alive.
//
//   no key ──> lease granted ──> Txn: still none? put ──> kept alive thrice in its length
//
// A leader that was replaced may not know it yet: what it does is safe by barriers and the judge's
// office, not by this.
//
// One thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "cluster/etcd/etcd_client.h"
#include "cluster/etcd/topology_keys.h"

namespace henge::cluster {

class Candidacy {
 public:
  using Clock = std::chrono::steady_clock;

  Candidacy(TopologyKeys& keys, EtcdClient& client, std::chrono::seconds lease)
      : keys_(keys), client_(client), wanted_(lease) {}

  // `eligible`: it may stand.
  void OnRound(const NodeId& self, bool eligible);
  // Whether the key is this node's and its lease has not ended, by this node's clock.
  bool Holds(const NodeId& self) const;
  // Gives the key up, if it has it; waits a moment for etcd to hear of it.
  void Resign();

 private:
  void Stand(const NodeId& self);
  void Put(const NodeId& self);
  void KeepAlive();
  std::chrono::milliseconds Patience() const { return length_ / 3; }

  TopologyKeys& keys_;
  EtcdClient& client_;
  const std::chrono::seconds wanted_;
  std::chrono::milliseconds length_{wanted_};  // As etcd grants it.
  int64_t lease_ = 0;                          // 0: none.
  Clock::time_point until_ = {};               // It lasts at least.
  Clock::time_point renew_ = {};
  Clock::time_point stand_ = {};
  bool standing_ = false;
  bool renewing_ = false;
};

}  // namespace henge::cluster
