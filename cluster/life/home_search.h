// SPDX-License-Identifier: Apache-2.0
// HomeSearch: when a node should follow another group than its own, by the topology alone:
//
//   emptied   its group has lost its last slot to another group: everybody of it goes there, the
//             leader last; followers that were judged as failed it takes along
//   orphaned  a group with slots has followers, and all of them have failed: a follower of the
//             group that has most goes there, if that keeps `barrier` of its own
//
// Redis's rules (cluster-allow-replica-migration, cluster-migration-barrier); each node decides for
// itself, by what all know: in one version of the topology one follower is chosen, and in the next
// nobody is orphaned.
//
// A pure machine: time is given. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "cluster/topology.h"
#include "cluster/topology/change.h"

namespace henge::cluster {

struct HomeWishes {
  bool moves = true;
  int64_t barrier = 1;  // Followers in order that a group keeps.
};

class HomeSearch {
 public:
  // So long a group must have been orphaned: its follower may be just restarting.
  static constexpr int64_t kPatienceMicros = 5'000'000;

  // What is to be done now, if anything; at each newer topology and a few times a second.
  std::optional<AddFollower> Look(const Topology& topology, const NodeId& self,
                                  const HomeWishes& wishes, int64_t now_micros);

 private:
  void NoteSlots(const Topology& topology, GroupIndex own);
  std::optional<AddFollower> FromEmptied(const Topology& topology, GroupIndex own,
                                         const NodeId& self) const;
  std::optional<AddFollower> ToOrphaned(const Topology& topology, GroupIndex own,
                                        const NodeId& self, const HomeWishes& wishes,
                                        int64_t now_micros);

  GroupId own_;                 // As last seen, with
  std::vector<SlotRange> had_;  // its slots.
  GroupId taker_;               // Who has the last of them; zero: it has some, or nobody has.
  GroupId orphaned_;            // Seen so last,
  int64_t orphaned_since_ = 0;  // since when.
};

}  // namespace henge::cluster
