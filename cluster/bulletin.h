// SPDX-License-Identifier: Apache-2.0
// Bulletin: what a coordinator tells of: the topology, who leads, which cluster it is; and those
// who watch. Posting is quick and calls nobody; Tell calls the watchers, of what is new to them, in
// order, one call at a time.
//
// Any thread.
#pragma once

#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "cluster/coordinator.h"

namespace henge::cluster {

class Bulletin {
 public:
  Bulletin(const NodeId& self, TopologyPtr topology)
      : now_{.self = self, .topology = std::move(topology)} {}

  NodeId self() const;
  TopologyPtr topology() const;
  std::optional<NodeId> leader() const;

  void Post(const TopologyPtr& topology);  // Unless it is older.
  void PostLeader(std::optional<NodeId> leader);
  void EnterCluster(const NodeId& self, TopologyPtr topology);

  void Watch(TopologyWatcher* watcher);
  void Unwatch(TopologyWatcher* watcher);
  void Tell();

 private:
  struct News {
    uint64_t cluster = 0;  // Counts them.
    NodeId self;
    TopologyPtr topology;
    std::optional<NodeId> leader = {};
  };
  struct Watching {
    TopologyWatcher* watcher = nullptr;
    News told = {};  // Without a topology: nothing yet.
  };
  News Now() const;
  bool TellOne();

  mutable std::mutex mutex_;
  News now_;  // Guarded by mutex_.

  // Orders what is told. Recursive, since those who are told may watch and unwatch.
  std::recursive_mutex telling_;
  std::vector<Watching> watchers_;  // Guarded by telling_.
};

}  // namespace henge::cluster
