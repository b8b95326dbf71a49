// SPDX-License-Identifier: Apache-2.0
// GroupWatch: a group without shards as Sentinel would tell of it: who leads, who is silent since
// when, and what has changed, as messages on channels of Sentinel's names to this node's own
// subscribers.
//
// Review is called by the first worker at intervals; the rest by any thread.
#pragma once

#include <string>

#include "commands/sentinel/service.h"
#include "server/cluster/group_news.h"

namespace henge::server {

class Node;

class GroupWatch final : public commands::SentinelService {
 public:
  explicit GroupWatch(Node& node) : node_(node) {}

  // Tells what has changed since the last time.
  void Review();

  commands::GroupPicture Look() override;
  std::string FailOver() override;

 private:
  commands::GroupPicture Collect() const;

  Node& node_;
  GroupNews news_;
};

}  // namespace henge::server
