// SPDX-License-Identifier: Apache-2.0
// TopologyRecord: what one key in etcd holds: the topology, which cluster's it is, and which
// requests its last changes were made under, so that a request that is made again is known.
//
// A plain value; the functions are pure.
#pragma once

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "cluster/topology.h"

namespace henge::cluster {

struct TopologyRecord {
  // Of what etcd takes as one request by default, something is left for what is around the value.
  static constexpr size_t kMaxBytes = (3 << 19) - 4096;
  static constexpr size_t kMaxApplied = 1024;

  std::string cluster;
  TopologyPtr topology = Topology::Empty();
  std::deque<uint64_t> applied;  // The oldest first.

  bool WasApplied(uint64_t request) const;
  void Remember(uint64_t request);  // Forgets the oldest above kMaxApplied.
};

// kResourceExhausted: it would be larger than kMaxBytes.
absl::StatusOr<std::string> Encode(const TopologyRecord& record);
// kDataLoss: it is none, or of a format that this version does not know.
absl::StatusOr<TopologyRecord> DecodeRecord(std::string_view bytes);

}  // namespace henge::cluster
