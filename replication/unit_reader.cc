// SPDX-License-Identifier: Apache-2.0
#include "replication/unit_reader.h"

#include "base/strings.h"

namespace henge::replication {

using proto::RespParser;

void StreamUnit::Clear() {
  bytes = {};
  commands.clear();
  words.clear();
}

void UnitReader::Add(std::string_view bytes) {
  if (taken_ > 0) {
    buffer_.erase(0, taken_);
    for (Word& word : words_) word.offset -= taken_;
    parsed_ -= taken_;
    taken_ = 0;
  }
  buffer_ += bytes;
}

absl::StatusOr<bool> UnitReader::Next(StreamUnit& unit) {
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(parsed_);
    argv_.clear();
    if (rest.empty()) return false;
    const RespParser::Result result = parser_.Next(rest, limits_, argv_);
    if (result == RespParser::Result::kNeedMore) return false;
    if (result == RespParser::Result::kError) {
      return absl::InvalidArgumentError(Absl(parser_.error()));
    }
    parsed_ += parser_.consumed();
    const bool whole = result == RespParser::Result::kCommand;
    if (whole && parser_.was_inline()) {
      return absl::InvalidArgumentError("a command of the stream is not an array");
    }
    const bool multi = whole && EqualsIgnoreCase(argv_[0], "MULTI");
    const bool exec = whole && in_multi_ && EqualsIgnoreCase(argv_[0], "EXEC");
    const bool select = whole && EqualsIgnoreCase(argv_[0], "SELECT");
    if (multi) in_multi_ = true;
    if (exec) in_multi_ = false;
    if (whole && !multi && !exec) {
      commands_.push_back(
          {static_cast<uint32_t>(words_.size()), static_cast<uint32_t>(argv_.size())});
      for (const std::string_view word : argv_) {
        words_.push_back({static_cast<size_t>(word.data() - buffer_.data()), word.size()});
      }
    }
    if (in_multi_ || (select && commands_.size() == 1)) continue;
    unit.Clear();
    unit.bytes = std::string_view(buffer_).substr(taken_, parsed_ - taken_);
    for (const Word& word : words_)
      unit.words.emplace_back(buffer_.data() + word.offset, word.size);
    unit.commands.swap(commands_);
    words_.clear();
    commands_.clear();
    taken_ = parsed_;
    return true;
  }
}

bool IsControl(const StreamUnit& unit) {
  if (unit.commands.empty()) return true;
  if (unit.commands.size() != 1) return false;
  const std::string_view name = unit.words[unit.commands[0].first];
  return EqualsIgnoreCase(name, "PING") || EqualsIgnoreCase(name, "REPLCONF") ||
         EqualsIgnoreCase(name, "PUBLISH") || EqualsIgnoreCase(name, "SPUBLISH");
}

}  // namespace henge::replication
