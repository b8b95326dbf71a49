// SPDX-License-Identifier: Apache-2.0
// AofLoader: the files of an append-only file into the store: a base, which may be an RDB, and the
// commands behind it.
//
// RDBs are read, and commands executed, on all cores. Nobody else changes the store meanwhile:
// either nobody is served yet, or the caller holds every shard's lock. Used once, by one thread.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/aof/aof_files.h"
#include "persistence/aof/aof_parser.h"
#include "persistence/aof/stream_places.h"
#include "persistence/load/rdb_loader.h"
#include "server/persistence/effect_lanes.h"
#include "server/replication/saved_position.h"

namespace henge::server {

class Node;

class AofLoader {
 public:
  // `rdb` is for bases of that form; with rdb.held, the caller holds every shard's lock, and a torn
  // end is an error instead of being cut.
  AofLoader(Node& node, const persistence::RdbLoadOptions& rdb,
            persistence::LoadProgress& progress);

  // What the files' manifest names. Errors name the file, and the offset where there is one.
  absl::Status Load(persistence::AofFiles& files);
  // Where what was loaded stands in its history: by the last line of a file that was closed in good
  // order; or as it says all along. Nothing if it does not.
  std::optional<SavedPosition> closing_position() const { return ParsePosition(position_); }
  std::optional<SavedPosition> running_position() const;
  // Keys of the base that were left out; commands behind it may have made some of them again.
  const std::vector<persistence::ExpiredKey>& expired() const { return expired_; }

 private:
  struct Part {
    std::string name;
    std::unique_ptr<persistence::FileContents> contents;
  };
  absl::StatusOr<std::vector<Part>> Open(persistence::AofFiles& files);
  absl::Status LoadPart(Part& part, const std::string& path, bool last);
  absl::Status LoadCommands(std::string_view name, persistence::AofParser& parser);
  void Delay();  // For tests (key-load-delay).
  absl::Status CutEnd(Part& part, const std::string& path, uint64_t good_until);

  Node& node_;
  const persistence::RdbLoadOptions& rdb_;
  persistence::LoadProgress& progress_;
  void OnAnnotation(std::string_view line);
  std::string position_;  // What an annotation says of the end so far; empty: nothing.
  persistence::PlaceReader place_;
  std::vector<persistence::ExpiredKey> expired_;
  std::string_view loading_;  // The part's name, for what lanes have to say.
  EffectLanes lanes_;
};

}  // namespace henge::server
