// SPDX-License-Identifier: Apache-2.0
// What SENTINEL commands ask of a group without shards: its members as this node sees them. The
// server implements it (server/cluster/group_watch.h). Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace henge::commands {

// A node of the group, which stands for a server and for a Sentinel beside it. Times are
// milliseconds until now.
struct GroupMember {
  std::string id;  // 40 hex digits.
  std::string host;
  int port = 0;
  bool self = false;
  bool leads = false;
  bool votes = false;     // On who keeps the topology, and so on who leads.
  bool connected = true;  // It answered the last ping.
  bool silent =
      false;  // For longer than the node timeout; of a leader, also: nobody vouches for it.
  bool failed = false;     // So judged by the majority.
  bool in_sync = false;    // With the leader.
  int64_t pinged_ago = 0;  // The oldest ping without an answer; 0: none waits.
  int64_t heard_ago = 0;
  int64_t silent_for = 0;
  int64_t failed_for = 0;
  int64_t unsynced_for = 0;
  int64_t role_for = 0;
  uint64_t offset = 0;   // Of its data's history.
  int64_t priority = 0;  // As Redis counts: who is promoted first has the lowest; 0: never.
};

struct GroupPicture {
  std::string name;  // cluster-name
  uint64_t epoch = 0;
  size_t quorum = 0;  // Voters that must agree.
  int64_t down_after = 0;
  int64_t failover_timeout = 0;
  std::string judge;  // Who judges failures, by its id, and in which term.
  uint64_t term = 0;
  bool in_touch = false;  // This node is on the majority's side: what it says of the leader is so.
  std::vector<GroupMember> members;  // By id; this node among them.

  const GroupMember* leader() const {  // Null: nobody leads.
    for (const GroupMember& member : members) {
      if (member.leads) return &member;
    }
    return nullptr;
  }
};

class SentinelService {
 public:
  virtual ~SentinelService() = default;
  virtual GroupPicture Look() = 0;
  // Has the leader hand over to whom it finds best, without waiting for it. The error's text, or
  // empty.
  virtual std::string FailOver() = 0;
};

}  // namespace henge::commands
