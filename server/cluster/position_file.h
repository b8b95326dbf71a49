// SPDX-License-Identifier: Apache-2.0
// What a node of a cluster notes beside its append-only file: how far at least that goes in the
// group's history, and under which epoch. An append-only file tells its own end only when it was
// closed in good order; after a crash this is what the judge has to go by. Never exact, and nobody
// resumes from it.
#pragma once

#include <absl/status/status.h>

#include <optional>
#include <string>

#include "server/replication/saved_position.h"

namespace henge::server {

// In the append-only file's folder.
std::string PositionFileIn(const std::string& directory);
std::optional<SavedPosition> ReadPositionFile(const std::string& path);
// Takes the old one's place at once or not at all. It is not synced: an older one is as true.
absl::Status WritePositionFile(const std::string& path, const SavedPosition& position);

}  // namespace henge::server
