// SPDX-License-Identifier: Apache-2.0
// GroupWatch: a group without shards as Sentinel would tell of it: who leads, who is silent since
// when, and what has changed, as messages on channels of Sentinel's names to this node's own
// subscribers.
//
// Review is called by the first worker at intervals; the rest by any thread.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "commands/sentinel/service.h"

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
  // What was seen of a member last, and since when, in Unix milliseconds; 0: it is not so.
  struct Seen {
    bool leads = false;
    UnixMillis silent_since = 0;
    UnixMillis failed_since = 0;
    UnixMillis unsynced_since = 0;
    UnixMillis role_since = 0;
  };
  struct Address {
    std::string host;
    int port = 0;
    bool operator==(const Address&) const = default;
  };
  commands::GroupPicture Collect() const;
  void AddMembers(commands::GroupPicture& group) const;
  void TellLeader(const commands::GroupPicture& group);
  void TellMember(const commands::GroupPicture& group, const commands::GroupMember& member,
                  UnixMillis now);
  void Publish(std::string_view channel, std::string_view message);

  Node& node_;
  std::optional<Address> leader_;  // Review's: who was told of last.
  std::mutex mu_;
  std::map<std::string, Seen> seen_;  // Guarded by mu_. By id.
};

}  // namespace henge::server
