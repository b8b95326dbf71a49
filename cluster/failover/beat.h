// SPDX-License-Identifier: Apache-2.0
// What nodes tell the judge, several times in a node timeout, and what it answers. Plain values.
//
// The judge is whoever is in office in the topology (Office). Times are microseconds of a monotonic
// clock: each of the clock that it is named after, never compared with another's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "cluster/topology.h"

namespace henge::cluster {

// What a node holds of a group's data. A process begins with kLoading, then kNothing or kRecovered
// for what it was a member of before, and has kLive once it was promoted, or has all of its
// leader's history.
enum class DataState : uint8_t {
  kLoading,    // Still reading its disk: what it will have is not known.
  kNothing,    // None, or a part: a full sync is under way.
  kRecovered,  // From its disk: what was acknowledged last may lack.
  kLive,       // All that it had when it was in sync last, and all since.
};

struct GroupReport {
  GroupId group;
  Epoch epoch = 0;  // In which it leads or follows.
  // The last of whose leader it had all there was: it was that, or in step with it.
  Epoch data_epoch = 0;
  uint64_t offset = 0;  // Of the last byte of the group's history that it has.
  DataState data = DataState::kNothing;
};

struct NodeLoad {
  uint64_t keys = 0;
  uint64_t memory_bytes = 0;
  uint64_t operations = 0;  // Since the last beat.
};

struct NodeBeat {
  NodeId node;
  uint64_t incarnation = 0;  // Of the process: another after each start.
  int64_t sent_micros = 0;   // By the sender's clock; comes back in the answer.
  uint64_t topology_version = 0;
  NodeLoad load = {};
  std::vector<GroupReport> groups = {};
};

struct LeaseGrant {
  GroupId group;
  Epoch epoch = 0;
};

struct BeatAnswer {
  NodeId node;  // To whom.
  uint64_t incarnation = 0;
  int64_t sent_micros = 0;
  uint64_t term = 0;
  uint64_t topology_version = 0;  // The judge's: whoever is behind should ask.
  int64_t lease_micros = 0;
  std::vector<LeaseGrant> leases = {};
};

// How far a clock's rate may be from true time's. Real ones are within 0.0002.
inline constexpr double kClockDrift = 0.01;

}  // namespace henge::cluster
