// SPDX-License-Identifier: Apache-2.0
// The checksum and the rule that place a key in one of the 16384 slots, as Redis Cluster does.
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/types.h"

namespace henge {

// CRC-16/XMODEM: polynomial 0x1021, initial value 0, bits not reflected, no final xor.
uint16_t Crc16(std::string_view data);

// The part of a key that is hashed: what stands between the first '{' and the first '}' after it
// if that is not empty, else the whole key.
std::string_view HashTag(std::string_view key);

// Crc16 of the hash tag, modulo 16384.
Slot KeySlot(std::string_view key);

}  // namespace henge
