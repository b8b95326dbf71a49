// SPDX-License-Identifier: Apache-2.0
// A stream as RDB has it: its blocks as they are, its facts, its groups with what is pending. For
// value_writer.cc.
#pragma once

#include "persistence/rdb/rdb_writer.h"
#include "store/stream/stream.h"

namespace henge::persistence {

// REQUIRES: one of the three types of streams.
void WriteStream(const store::Stream& stream, RdbType type, RdbWriter& writer);

}  // namespace henge::persistence
