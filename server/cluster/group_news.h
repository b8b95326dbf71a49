// SPDX-License-Identifier: Apache-2.0
// GroupNews: what has changed from one picture of a group to the next, as messages on channels of
// Sentinel's names; and since when what is so is so. Time comes in.
//
// +sdown, -sdown  this node's opinion of a member      +odown, -odown  the judge's, of who leads
// +switch-master  another one leads                    +slave          one of its followers
//
// Review: one thread; AddAges: any.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/types.h"
#include "commands/sentinel/service.h"

namespace henge::server {

class GroupNews {
 public:
  struct Message {
    std::string channel;
    std::string text;
    bool operator==(const Message&) const = default;
  };

  // Since the last picture. One without a leader tells nothing, and is not remembered.
  std::vector<Message> Review(const commands::GroupPicture& group, UnixMillis now);
  // For how long each member has been what it is.
  void AddAges(commands::GroupPicture& group, UnixMillis now);

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
  void TellLeader(const commands::GroupPicture& group, std::vector<Message>& news);
  void TellMember(const commands::GroupPicture& group, const commands::GroupMember& member,
                  UnixMillis now, std::vector<Message>& news);

  std::optional<Address> leader_;  // Who was told of last.
  std::mutex mu_;
  std::map<std::string, Seen> seen_;  // Guarded by mu_. By id.
};

}  // namespace henge::server
