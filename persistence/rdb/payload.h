// SPDX-License-Identifier: Apache-2.0
// What DUMP gives and RESTORE takes: a value as in a file, sealed.
//
//   | type 1 | value | version 2 | CRC-64 of all before, 8 |
//
// Pure; any thread that may read the entry.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "persistence/rdb/rdb_writer.h"
#include "store/entry.h"
#include "store/store.h"

namespace henge::persistence {

std::string DumpPayload(const store::Entry& entry, const RdbOptions& options);

// FUNCTION DUMP's form: the code of each library, sealed as above.
std::string DumpFunctions(std::span<const std::string_view> codes, const RdbOptions& options);
// What an unsealed payload of that form holds. The status's message is the error's text.
absl::StatusOr<std::vector<std::string>> LoadFunctions(std::string_view unsealed);

// The part before the seal, and the version in that.
struct Unsealed {
  std::string_view value;
  int version;
};
// None where the version is unknown or the checksum wrong.
std::optional<Unsealed> Unseal(std::string_view payload, bool check_sum = true);

// REQUIRES: what Unseal returned. Statuses as ReadValue's.
absl::StatusOr<store::OwnedEntry> LoadUnsealed(const Unsealed& unsealed, std::string_view key,
                                               UnixMillis expiry,
                                               const store::EncodingLimits& limits);

}  // namespace henge::persistence
