// SPDX-License-Identifier: Apache-2.0
// Values of the store as RDB has them.
//
// Pure: no clock, no file, nothing kept. Reads the entry, so the caller holds its shard's lock or
// owns the entry. What is appended to the writer's buffer is everything: it may be handed on once
// the lock is released.
//
// Where the writer's version has no form for an encoding, the value is written in the type's plain
// form. Deadlines of fields (version 12) are written from version 11 on; older ones lose them.
#pragma once

#include "persistence/rdb/rdb_writer.h"
#include "store/entry.h"

namespace henge::persistence {

// Under which type the value is written by a writer of this version.
RdbType RdbTypeOf(const store::Entry& entry, int version);

// The version of the first Redis that reads this type; for what it writes itself, that is.
int VersionOfType(RdbType type);

// The value without its type and key.
void WriteBody(const store::Entry& entry, RdbWriter& writer);

}  // namespace henge::persistence
