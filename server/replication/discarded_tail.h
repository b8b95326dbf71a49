// SPDX-License-Identifier: Apache-2.0
// What a leader wrote that its successor never got: kept in a file before a full sync takes its
// place, so that somebody can look at it and write it again. The file is what an append-only file
// holds: whole commands, `SELECT` first. Words between nodes are left out.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>

#include "persistence/journal/journal.h"

namespace henge::server {

struct WrittenTail {
  uint64_t records = 0;
  uint64_t bytes = 0;  // Of the file.
};

// The journal's records in [from, end), which is a record's boundary, or as much of it as is still
// kept. Without records there is no file. The file is on the disk when this returns.
absl::StatusOr<WrittenTail> WriteDiscardedTail(persistence::Journal& journal, Lsn from, Lsn end,
                                               const std::string& path);

}  // namespace henge::server
