// SPDX-License-Identifier: Apache-2.0
// RdbReader: RDB's primitives, read from bytes that nobody vouches for.
//
// The first thing that is wrong is latched, with its offset: from then on everything reads as zero
// or empty, so a parser may read a few things and check ok() once; loops check it in each turn. No
// length is believed before it has been compared with what is left. Views are into the input, or
// into the caller's scratch. Not thread-safe.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/types.h"
#include "persistence/rdb/rdb_format.h"

namespace henge::persistence {

class RdbReader {
 public:
  // Longer ones are refused: the store's records count their bytes in 32 bits.
  static constexpr uint64_t kMaxString = UINT32_MAX;

  // `first` is the offset of the first byte, for messages.
  explicit RdbReader(std::string_view bytes, uint64_t first = 0) : bytes_(bytes), first_(first) {}

  // --- How it stands ----------------------------------------------------------------------------
  bool ok() const { return state_ == State::kGood; }
  size_t left() const { return bytes_.size() - at_; }
  size_t position() const { return at_; }
  uint64_t offset() const { return first_ + at_; }
  std::string_view Since(size_t position) const { return bytes_.substr(position, at_ - position); }
  // Whether the input ended too early; more of it may help.
  bool truncated() const { return state_ == State::kTruncated; }
  // What is wrong: kDataLoss unless FailAs said otherwise, "offset 17: …".
  absl::Status status() const { return status_; }
  void Fail(std::string_view what) { FailAs(absl::StatusCode::kDataLoss, what); }
  void FailAs(absl::StatusCode code, std::string_view what);

  // --- Primitives -------------------------------------------------------------------------------
  uint8_t Byte();
  std::string_view Raw(uint64_t size);
  uint64_t Length();
  // How many things follow, each of at least `least` bytes.
  uint64_t Count(size_t least);
  // The text of a string; `scratch` is used where it doesn't stand in the input as it is.
  std::string_view String(std::string& scratch);
  void SkipString();
  uint64_t Fixed64();
  uint32_t Fixed32();
  UnixMillis Millis() { return static_cast<UnixMillis>(Fixed64()); }
  double Double();     // Eight bytes.
  double OldDouble();  // A length and digits.
  void SkipOldDouble();

 private:
  enum class State : uint8_t { kGood, kTruncated, kBad };

  // A length, or the byte of a string's special form with `special` set.
  uint64_t LengthOr(bool& special);
  void Truncated();
  template <class T>
  T Fixed();
  std::string_view Digits(int64_t value, std::string& scratch);
  std::string_view Decompress(std::string& scratch);

  std::string_view bytes_;
  size_t at_ = 0;
  uint64_t first_;
  State state_ = State::kGood;
  absl::Status status_;
};

}  // namespace henge::persistence
