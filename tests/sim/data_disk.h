// SPDX-License-Identifier: Apache-2.0
// DataDisk: what a machine's disk has of a group's data: the beginning of a history, with the epoch
// of the leader it came from. A plain value.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "replication/history.h"

namespace henge::sim {

struct DataDisk {
  replication::History history;
  std::vector<uint32_t> log;  // One write at each offset.
  Epoch data_epoch = 0;
  Epoch full_epoch = 0;  // The last of whose leader it had all there was.
  Epoch newest_epoch = 0;
};

}  // namespace henge::sim
