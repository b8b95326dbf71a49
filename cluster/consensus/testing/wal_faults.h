// SPDX-License-Identifier: Apache-2.0
// A write-ahead log on a disk that fails, for tests. One thread.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/consensus/wal.h"
#include "persistence/simulated_disk.h"

namespace henge::consensus::testing {

// Where all of these tests write.
inline constexpr char kWalDirectory[] = "consensus";

SnapshotPtr FirstSnapshot();
absl::StatusOr<Wal::Opened> OpenOn(persistence::SimulatedDisk& disk,
                                   uint64_t segment_bytes = 1 << 20);

// Each write adds entries, sometimes over others, or makes a snapshot; knows what was acknowledged.
class WalHistory {
 public:
  explicit WalHistory(uint64_t seed);
  absl::Status Write(Wal& wal);
  // Found may be what was acknowledged, or what was about to be; else it says what is wrong.
  std::string Judge(const Saved& found);

 private:
  struct Contents {
    HardState hard;
    std::vector<Entry> entries;  // Behind the snapshot.
    Snapshot snapshot;
    bool Is(const Saved& saved) const {
      return saved.hard == hard && saved.entries == entries && *saved.snapshot == snapshot;
    }
  };
  absl::Status Append(Wal& wal);
  absl::Status Compact(Wal& wal);

  Random random_;
  Contents acknowledged_;
  Contents next_;  // What the last write was about.
};

// The power fails at each operation in turn, while writing and while opening. What was lost, or
// nothing.
std::string FailPowerEverywhere(uint64_t seeds);

// Each bit of each file is flipped. Which flip was not refused as damage with its file, or nothing.
std::string FlipEveryBit();

}  // namespace henge::consensus::testing
