// SPDX-License-Identifier: Apache-2.0
// A stream's ID as RDB files have those of pending entries: sixteen bytes whose order is the IDs'.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "store/stream/stream_id.h"

namespace henge::persistence {

struct RawStreamId {
  explicit RawStreamId(const store::StreamId& id) {
    static_assert(std::endian::native == std::endian::little);
    const uint64_t ms = __builtin_bswap64(id.ms);
    const uint64_t seq = __builtin_bswap64(id.seq);
    std::memcpy(bytes, &ms, 8);
    std::memcpy(bytes + 8, &seq, 8);
  }
  std::string_view view() const { return {bytes, sizeof(bytes)}; }
  char bytes[16];
};

}  // namespace henge::persistence
