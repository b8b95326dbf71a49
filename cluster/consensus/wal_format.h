// SPDX-License-Identifier: Apache-2.0
// The segments of the write-ahead log, as bytes. Pure; any thread.
//
//   segment = batch*          named wal-<number>; a number is never used twice
//   batch   = size (8) check of the size (8) body check of the body (8) end mark (1: 0xa5)
//   body    = segment (8) flags (1) synced (8) [snapshot's index, term] [hard state] entries
//
// What is written at once is one batch, so that it is there as a whole or not at all. Checks are
// CRC-64 continued from segment and offset: no batch is taken for another. The first batch of a
// segment is either a checkpoint, which stands for everything before it, or says that it continues
// the segment before.
//
// Reading tells a torn write from damage. Torn is what the power can leave of the end of the last
// segment: a batch that the file ends in, or in which bytes never arrived (a sector of zeros, or
// zeros up to its end). Anything else, and anything that a later batch says was synced, is damage:
// it is refused, because what was acknowledged may be in it.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/consensus/raft_types.h"

namespace henge::consensus {

struct WalBatch {
  bool first = false;       // Of its segment.
  bool checkpoint = false;  // Only the first.
  uint64_t synced = 0;      // Up to where this segment had been synced when this was written.
  std::optional<std::pair<Index, Term>> snapshot = {};  // Checkpoints: what they begin with.
  std::optional<HardState> hard = {};
  std::vector<Entry> entries = {};
};

std::string EncodeBatch(const WalBatch& batch, uint64_t segment, uint64_t offset);

struct SegmentContents {
  std::vector<WalBatch> batches;
  std::optional<uint64_t> torn_at;  // From there on nothing counts.
};

// `name` is for errors, which carry the offset. Torn writes are damage unless it is the `last`.
absl::StatusOr<SegmentContents> ReadSegment(std::string_view bytes, uint64_t segment, bool last,
                                            std::string_view name);

std::string EncodeSnapshotFile(const Snapshot& snapshot);
absl::StatusOr<Snapshot> ReadSnapshotFile(std::string_view bytes, std::string_view name);

std::string SegmentName(uint64_t number);
std::optional<uint64_t> SegmentNumber(std::string_view name);
std::string SnapshotName(Index index, uint64_t segment);
bool IsSnapshotName(std::string_view name);

}  // namespace henge::consensus
