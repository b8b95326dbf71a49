// SPDX-License-Identifier: Apache-2.0
// The domain's integers, so that a slot is not mistaken for a shard.
#pragma once

#include <compare>
#include <cstdint>

namespace henge {

using Slot = uint16_t;          // 0 … 16383: CRC16 of the key's hash tag.
using ShardIndex = uint16_t;    // Which lock and tables a slot's keys live under.
using DbIndex = uint16_t;       // SELECT's argument.
using ClientId = uint64_t;      // Unique for the life of a process, growing.
using UnixMillis = int64_t;     // Milliseconds since the epoch; deadlines are absolute.
using Lsn = uint64_t;           // Byte offset in a replica group's journal.
using Epoch = uint64_t;         // A replica group's term; only grows.

inline constexpr int kSlots = 16384;
inline constexpr UnixMillis kNoExpiry = -1;

}  // namespace henge
