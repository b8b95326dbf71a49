// SPDX-License-Identifier: Apache-2.0
// The version of Redis whose behaviour Henge has; INFO and HELLO tell it to clients.
#pragma once

#include <string_view>

namespace henge {

inline constexpr std::string_view kRedisVersion = "7.2.4";

}  // namespace henge
