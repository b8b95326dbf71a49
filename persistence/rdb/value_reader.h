// SPDX-License-Identifier: Apache-2.0
// Values of the store out of RDB's forms, whatever wrote them and whatever is wrong with them.
//
// Pure: no clock, no file, nothing kept; any thread, as many at once as there are readers. What is
// returned is sound by the store's own rules: blocks are checked, members distinct, orders right.
// A collection takes the encoding that Redis would give it under `limits`.
#pragma once

#include <absl/status/statusor.h>

#include <string_view>

#include "base/types.h"
#include "persistence/rdb/rdb_reader.h"
#include "store/entry.h"
#include "store/store.h"

namespace henge::persistence {

// Reads the value that follows its type (and key, in a file). The status says what is wrong, with
// the offset:
//   kDataLoss       damaged, or no such type
//   kNotFound       a collection without elements, which old Redis left behind: not to be loaded
//   kUnimplemented  a module's value, named; it was read to its end where that can be told
absl::StatusOr<store::OwnedEntry> ReadValue(RdbReader& reader, uint8_t type, std::string_view key,
                                            UnixMillis expiry, const store::EncodingLimits& limits);

// Goes over it, checking only what that takes.
void SkipValue(RdbReader& reader, uint8_t type);

// The name in a module's ID, "ReJSON-RL", and the parts of a module's value up to its end.
std::string ModuleName(uint64_t id);
void SkipModuleParts(RdbReader& reader);

}  // namespace henge::persistence
