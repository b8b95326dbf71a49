// SPDX-License-Identifier: Apache-2.0
// The parts of a stream: its blocks, its facts, and what each group and consumer has pending. For
// value_slices.cc.
#pragma once

#include <memory>

#include "persistence/snapshot/value_slices.h"
#include "store/stream/stream.h"

namespace henge::persistence {

// REQUIRES: one of the three types of streams.
std::unique_ptr<ValueParts> PartsOfStream(const store::Stream& stream, RdbType type);

}  // namespace henge::persistence
