// SPDX-License-Identifier: Apache-2.0
// HomeWatch: a node goes to another group by itself (cluster/life/home_search.h), as
// cluster-allow-replica-migration and cluster-migration-barrier wish. The first worker's.
#pragma once

#include <atomic>
#include <memory>

#include "cluster/life/home_search.h"

namespace henge::server {

class Node;

class HomeWatch {
 public:
  explicit HomeWatch(Node& node) : node_(node) {}

  // Each 100 ms.
  void Tick();

 private:
  Node& node_;
  cluster::HomeSearch search_;
  // A change is proposed and has no outcome yet. Whoever tells of it may be late.
  const std::shared_ptr<std::atomic<bool>> moving_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace henge::server
