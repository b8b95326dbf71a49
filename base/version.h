// SPDX-License-Identifier: Apache-2.0
// The versions: of Redis, whose behaviour Henge has and which INFO and HELLO tell to clients, and
// of Henge itself. Any thread.
#pragma once

#include <string_view>

namespace henge {

inline constexpr std::string_view kRedisVersion = "7.2.4";
// Henge's own.
inline constexpr std::string_view kHengeVersion = "0.1.0";

}  // namespace henge
