// SPDX-License-Identifier: Apache-2.0
// SHA-1 (FIPS 180-4), for names that Redis makes with it: script digests and node ids. Not for
// secrets. Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace henge {

std::array<uint8_t, 20> Sha1(std::string_view data);

// 40 lower-case hex digits.
std::string Sha1Hex(std::string_view data);

}  // namespace henge
