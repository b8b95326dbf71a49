// SPDX-License-Identifier: Apache-2.0
// A search for bytes among bytes, at the speed of memory: for what passes over much and finds
// little. Pure; from any thread.
#pragma once

#include <string_view>

namespace henge::store {

// Whether `wanted` stands anywhere in `bytes`. REQUIRES: it is not empty.
bool HoldsBytes(std::string_view bytes, std::string_view wanted);

}  // namespace henge::store
