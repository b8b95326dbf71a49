// SPDX-License-Identifier: Apache-2.0
// DataDisk: what a machine's disk has of a group's data: the beginning of a history, with the epoch
// of the leader it came from. A plain value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"

namespace henge::sim {

struct DataDisk {
  std::string history_id;     // What it was called before is in memory only.
  std::vector<uint32_t> log;  // One write at each offset.
  Epoch data_epoch = 0;
  Epoch full_epoch = 0;  // The last of whose leader it had all there was.
  Epoch newest_epoch = 0;
};

}  // namespace henge::sim
