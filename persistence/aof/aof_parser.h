// SPDX-License-Identifier: Apache-2.0
// AofParser: reads an AOF, unit by unit: a command, or a whole MULTI … EXEC.
//
// It tells two kinds of bad ends apart. *Torn*: the file ends, or is nothing but zeros, before its
// last unit is whole, as a crash leaves it; or a part of the last kMostInRoom bytes before the
// zeros at its end is zeros, too (AofAppender's room). It may be cut at good_until(). *Damaged*:
// something else stands there, so what follows cannot be trusted. A length that points behind the
// end is damage, too, if whole commands follow it: then it was not the end that is missing.
//
// Refers to the content it was given; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace henge::persistence {

class AofParser {
 public:
  enum class Result : uint8_t { kUnit, kAnnotation, kEnd, kTorn, kDamaged };

  static constexpr size_t kLongestAnnotation = 1024;
  // How much may have been under way to room behind the file's end when the machine stopped.
  static constexpr uint64_t kMostInRoom = uint64_t{256} << 10;

  // Begins at `offset`: behind an RDB preamble.
  explicit AofParser(std::string_view content, uint64_t offset = 0);

  // After kEnd, kTorn and kDamaged there is nothing more. Annotations within a unit are skipped.
  Result Next();

  // Of kUnit: the commands without MULTI and EXEC, at least one word each. Until the next Next.
  size_t commands() const { return ends_.size(); }
  std::span<const std::string_view> command(size_t i) const;
  bool transaction() const { return transaction_; }
  // Of kAnnotation: the line, without its end; and the time if it tells one ("#TS:1700000000").
  std::string_view annotation() const { return annotation_; }
  std::optional<int64_t> timestamp() const;

  // Where the last unit or annotation began, and where what is whole ends.
  uint64_t begin() const { return begin_; }
  uint64_t good_until() const { return good_until_; }
  // Of kTorn and kDamaged: what is wrong and where, in redis-check-aof's words.
  const std::string& reason() const { return reason_; }
  uint64_t error_offset() const { return error_offset_; }
  // Of kTorn: nothing is missing, only room for more follows, all zeros.
  bool only_room() const { return only_room_; }
  // One more than the line ends of commands that were read, as redis-check-aof counts.
  uint64_t line() const { return line_; }

 private:
  // Reading a command, or a part of it: whether it went well.
  bool ReadCommand();
  bool ReadNumber(char prefix, uint64_t most, uint64_t& number);
  bool ReadString();
  bool ReadLineEnd();
  bool SkipAnnotation();
  // Damage, unless what is missing was on its way; damage; a tear. All return false.
  bool Fail(uint64_t offset, std::string reason);
  bool Refuse(uint64_t offset, std::string reason);
  bool Short(uint64_t offset, std::string reason);
  bool NoteTransaction();
  bool CommandsFollow(uint64_t offset) const;
  Result Finish();

  std::string_view content_;
  uint64_t at_;
  uint64_t begin_;
  uint64_t good_until_;
  uint64_t line_ = 1;
  std::vector<std::string_view> words_;
  std::vector<size_t> ends_;  // Of commands, in words_.
  bool in_multi_ = false;
  bool transaction_ = false;
  std::string_view annotation_;
  bool torn_ = false;
  bool failed_ = false;
  bool only_room_ = false;
  std::string reason_;
  uint64_t error_offset_ = 0;
};

// Whether an RDB stands at the beginning.
inline bool HasRdbPreamble(std::string_view content) { return content.starts_with("REDIS"); }

}  // namespace henge::persistence
