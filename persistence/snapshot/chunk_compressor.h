// SPDX-License-Identifier: Apache-2.0
// A run of RDB records as they were copied out under a lock, and how it gets its final form.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "base/blob.h"
#include "persistence/rdb/rdb_writer.h"

namespace henge::persistence {

// Records (selects and keys) of a writer that does not compress. Where a string value was too large
// to copy, its place in `bytes` is empty and its blob is here.
struct RecordChunk {
  std::string bytes;
  std::vector<std::pair<size_t, BlobRef>> blobs;  // By offset in `bytes`.

  bool empty() const { return bytes.empty(); }
};

// Appends the records to the writer, with the strings in them compressed if the writer does so.
// REQUIRES: what RdbWriter and WriteKey made, of the same version.
void AppendRecords(const RecordChunk& chunk, RdbWriter& writer);

}  // namespace henge::persistence
