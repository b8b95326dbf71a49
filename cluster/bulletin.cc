// SPDX-License-Identifier: Apache-2.0
#include "cluster/bulletin.h"

#include <algorithm>

namespace henge::cluster {

Bulletin::News Bulletin::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

NodeId Bulletin::self() const { return Now().self; }
TopologyPtr Bulletin::topology() const { return Now().topology; }
std::optional<NodeId> Bulletin::leader() const { return Now().leader; }

void Bulletin::Post(const TopologyPtr& topology) {
  const std::lock_guard lock(mutex_);
  if (topology->version() > now_.topology->version()) now_.topology = topology;
}

void Bulletin::PostLeader(std::optional<NodeId> leader) {
  const std::lock_guard lock(mutex_);
  now_.leader = leader;
}

void Bulletin::EnterCluster(const NodeId& self, TopologyPtr topology) {
  const std::lock_guard lock(mutex_);
  now_ = {.cluster = now_.cluster + 1, .self = self, .topology = std::move(topology)};
}

void Bulletin::Watch(TopologyWatcher* watcher) {
  const std::lock_guard telling(telling_);
  watchers_.push_back({.watcher = watcher});
  Tell();
}

void Bulletin::Unwatch(TopologyWatcher* watcher) {
  const std::lock_guard telling(telling_);
  std::erase_if(watchers_, [&](const Watching& one) { return one.watcher == watcher; });
}

void Bulletin::Tell() {
  const std::lock_guard telling(telling_);
  while (TellOne()) {
  }
}

// Who is told may watch, unwatch and tell: nothing of the list is relied on after a call.
bool Bulletin::TellOne() {
  for (Watching& one : watchers_) {
    const News now = Now();
    const bool first = one.told.topology == nullptr;
    const bool moved = !first && one.told.cluster != now.cluster;
    const bool newer = first || moved || now.topology->version() > one.told.topology->version();
    const bool other_leader = first || moved || now.leader != one.told.leader;
    if (!newer && !other_leader) continue;
    TopologyWatcher* const watcher = one.watcher;
    one.told = now;
    const auto watching = [&] {
      return std::ranges::count(watchers_, watcher, &Watching::watcher) > 0;
    };
    if (moved) watcher->OnCluster(now.self);
    if (newer && watching()) watcher->OnTopology(now.topology);
    if (other_leader && watching()) watcher->OnLeader(now.leader);
    return true;
  }
  return false;
}

}  // namespace henge::cluster
