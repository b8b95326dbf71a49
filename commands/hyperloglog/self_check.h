// SPDX-License-Identifier: Apache-2.0
// What PFSELFTEST runs: registers keep what is put into them, both forms agree, and counts are
// within six standard errors. Takes some milliseconds. Any thread.
#pragma once

#include <string>

#include "base/random.h"

namespace henge::commands::hll {

// The error's text, or empty.
std::string SelfCheck(Random& random, size_t sparse_max_bytes);

}  // namespace henge::commands::hll
