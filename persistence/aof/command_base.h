// SPDX-License-Identifier: Apache-2.0
// CommandBase: a base of commands, for aof-use-rdb-preamble no. It stands between a snapshot and
// its file, and makes commands of the RDB stream that comes along.
//
//   Snapshot ── RDB, uncompressed ──> CommandBase ── commands ──> file
//
// So a snapshot has one form under the shards' locks. A record is taken once it is whole: the
// largest value is in memory here once more. One thread.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"
#include "persistence/aof/command_text.h"
#include "persistence/rdb/file_parser.h"
#include "persistence/snapshot/snapshot.h"
#include "store/store.h"

namespace henge::persistence {

class CommandBase final : public ByteSink, private RdbVisitor {
 public:
  // `time`: the Unix second for an annotation at the beginning, if there is to be one.
  CommandBase(ByteSink& to, const store::EncodingLimits& limits, std::optional<int64_t> time);

  absl::Status Append(std::string_view bytes) override;
  // The stream has ended.
  absl::Status Finish();

 private:
  absl::Status OnFunction(std::string_view code) override;
  absl::Status OnKey(const RdbKey& key) override;
  void OnSkipped(std::string_view) override {}
  absl::Status Parse(bool last);
  void FlushIfFull();

  ByteSink& to_;
  const store::EncodingLimits& limits_;
  RdbFileParser parser_;
  std::string pending_;    // Not parsed yet: the beginning of a record.
  size_t next_parse_ = 0;  // How long it must be before that is tried again.
  CommandText text_;
  std::optional<DbIndex> db_;
  absl::Status status_;
};

}  // namespace henge::persistence
