// SPDX-License-Identifier: Apache-2.0
// ReplicatedGroup: this node's data as its group's: what the control plane says (GroupHost),
// carried out over Replication.
//
//   control plane ── Lead, Follow, Leave ──> words, in order ── own thread, all shards locked ──>
//   role
//                 └─ SetLease, CountInSync, Stop, Resume: at once, unless words wait
//
// A role changes under all shards' locks, which a script may hold for long: hence the thread. What
// must not wait does not: from the call of Follow or Leave on nothing is acknowledged, and a lease
// is not in force before the last word is carried out. Words wait until what is on disk is loaded.
//
// The calls of GroupHost are one thread's. Made before the node starts, while nobody is served;
// stopped before the node is.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cluster/failover/group_host.h"
#include "server/replication/group_part.h"
#include "server/replication/saved_position.h"

namespace henge::server {

class Node;

class ReplicatedGroup final : public cluster::GroupHost {
 public:
  // From here on the node is nobody's until it is told otherwise.
  ReplicatedGroup(Node& node, const cluster::NodeId& self);
  ~ReplicatedGroup() override;  // Stops.
  // What waits is not carried out any more.
  void Stop();

  void Lead(const cluster::GroupId& group, Epoch epoch) override;
  void Follow(const cluster::GroupId& group, Epoch epoch, const LeaderAddress& leader) override;
  void Leave() override;
  void SetLease(int64_t until_micros) override;
  void BecomeLive() override;
  void CountInSync(std::span<const cluster::NodeId> followers) override;
  std::vector<Follower> Followers() override;
  void StopWrites() override;
  std::optional<uint64_t> StoppedAt() override;
  void ResumeWrites() override;
  cluster::GroupReport Report() override;
  cluster::NodeLoad Load() override;

 private:
  enum class Kind : uint8_t { kLead, kFollow, kLeave, kLive, kCount };
  struct Word {
    Kind kind = Kind::kLeave;
    GroupTerm term;
    LeaderAddress leader;
    std::vector<std::string> counted;
  };
  void SayRole(Word word);
  void Run();  // The thread.
  void CarryOut(const Word& word);
  void ChangeRole(const Word& word);
  void Mark(const Word& word);
  void EndStop();
  void NotePosition();     // The thread's. See position_file.h.
  void PutLeaseInForce();  // REQUIRES: mu_ held, no word waits.

  Node& node_;
  uint64_t operations_ = 0;                 // The caller's, as the next: when it last asked.
  std::atomic<int64_t> awaits_lease_{0};    // Writes wait for the first one until then; 0: not so.
  std::shared_ptr<std::atomic<int>> busy_;  // Workers that may owe replies to writes.

  SavedPosition noted_;  // The thread's: what was noted last.

  std::mutex mu_;  // Of all below.
  std::condition_variable changed_;
  std::deque<Word> words_;     // The first is under way.
  std::optional<Word> role_;   // The last that was said.
  int64_t lease_ = INT64_MIN;  // In force when no word waits.
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace henge::server
