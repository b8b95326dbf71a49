// SPDX-License-Identifier: Apache-2.0
// CRC-64 as Redis's files and DUMP payloads carry it: the polynomial of Jones (0xad93d23594c935a9),
// bits reflected, starting at 0, nothing added at the end. Of "123456789": 0xe9c6d914c4b8d9ca.
//
// Pure; any thread. Continues: Crc64(Crc64(0, a), b) is that of a followed by b.
#pragma once

#include <cstdint>
#include <string_view>

namespace henge::persistence {

uint64_t Crc64(uint64_t crc, std::string_view bytes);

}  // namespace henge::persistence
