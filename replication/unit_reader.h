// SPDX-License-Identifier: Apache-2.0
// UnitReader: the bytes of a leader's stream, cut into units: what is applied and journaled as one.
//
//     SELECT 0 │ SET a 1 │ MULTI │ SET b 2 │ INCR c │ EXEC │ PING
//     └────── unit ─────┘ └─────────── unit ──────────────┘ └ control ┘
//
// A SELECT belongs to the unit behind it; MULTI and EXEC are not among a unit's commands, but among
// its bytes. Bytes come in any pieces. Pure; one thread.
#pragma once

#include <absl/status/statusor.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/resp_parser.h"

namespace henge::replication {

struct StreamUnit {
  std::string_view bytes;  // As they came.
  struct Command {
    uint32_t first;  // In words.
    uint32_t count;
  };
  std::vector<Command> commands;
  std::vector<std::string_view> words;

  std::span<const std::string_view> argv(const Command& command) const {
    return std::span(words).subspan(command.first, command.count);
  }
  void Clear();
};

class UnitReader {
 public:
  explicit UnitReader(int64_t max_bulk) : limits_{.max_bulk = max_bulk} {}

  // Bytes that have come. Views of earlier units end.
  void Add(std::string_view bytes);
  // The next whole unit, whose views are good until Add; false if there is none yet. An error if
  // what came is no stream of commands: then nothing more is to be got from it.
  absl::StatusOr<bool> Next(StreamUnit& unit);
  // Bytes that came and belong to no whole unit yet.
  size_t pending() const { return buffer_.size() - taken_; }

 private:
  proto::ParserLimits limits_;
  proto::RespParser parser_;
  std::string buffer_;
  size_t taken_ = 0;   // Given out in units.
  size_t parsed_ = 0;  // Of the unit under way, too.
  // The unit under way: offsets in the buffer, which may move.
  struct Word {
    size_t offset;
    size_t size;
  };
  std::vector<Word> words_;
  std::vector<std::string_view> argv_;  // Of the command under way.
  std::vector<StreamUnit::Command> commands_;
  bool in_multi_ = false;
};

// Whether it is of the kind that is no effect: PING, REPLCONF, messages.
bool IsControl(const StreamUnit& unit);

}  // namespace henge::replication
