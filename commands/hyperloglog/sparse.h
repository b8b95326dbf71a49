// SPDX-License-Identifier: Apache-2.0
// The sparse form: the registers in order as runs of equal ones.
//
//   00llllll            l + 1 registers of rank 0
//   01llllll llllllll   l + 1 registers of rank 0, the higher bits first
//   1vvvvvll            l + 1 registers of rank v + 1
//
// Which runs stand for a set of registers depends on the order in which they were raised; the
// editor makes the runs that Redis makes. Bytes come from outside: every function says when they
// are damaged, and none reads beyond them. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "commands/hyperloglog/dense.h"
#include "commands/hyperloglog/estimate.h"
#include "commands/hyperloglog/hash.h"

namespace henge::commands::hll {

inline constexpr uint8_t kMaxSparseRank = 32;

struct Run {
  enum class Kind : uint8_t { kZero, kLongZero, kRank };
  Kind kind;
  uint8_t rank;
  uint16_t bytes;      // One or two.
  uint32_t registers;  // At least one.
};

// The run at the beginning of the bytes, or nothing where they end in its midst.
std::optional<Run> FirstRun(std::string_view bytes);

// Of a whole value, header included; nothing if it is damaged.
std::optional<Histogram> SparseHistogram(std::string_view value);
// Raises `registers` to what the value holds; false, with some of them raised, if it is damaged.
[[nodiscard]] bool MergeSparse(std::string_view value, Registers& registers);
// The same registers and header as a dense value.
std::optional<std::string> DenseFromSparse(std::string_view value);

// Raises registers of one sparse value, in place. Fast also for many in ascending order: it goes on
// from where it was.
class SparseEditor {
 public:
  // `value` outlives the editor, and is changed by nobody else meanwhile. It grows up to
  // `max_bytes`, header included.
  SparseEditor(std::string& value, size_t max_bytes) : value_(value), max_bytes_(max_bytes) {}

  // kNeedsDense: the rank or the size is beyond this form; kDamaged: the value ends before the
  // register. Nothing has changed in either case.
  enum class Outcome : uint8_t { kUnchanged, kRaised, kNeedsDense, kDamaged };
  Outcome Raise(Hit hit);

 private:
  // A run, by where it is and which register it begins with.
  struct Place {
    size_t at;
    uint32_t first;
  };
  static constexpr Place kStart = {kHeaderSize, 0};

  // The run that has the register, and the run before it: kStart if there is none.
  struct Found {
    Place place;
    Place before;
  };
  std::optional<Found> Locate(uint32_t index);
  // Joins runs of one rank that have come to stand side by side.
  void Join(size_t from);

  std::string& value_;
  size_t max_bytes_;
  Place resume_ = kStart;      // Where the last edit has left all as it was up to,
  uint32_t resume_above_ = 0;  // and the first register behind this run.
};

}  // namespace henge::commands::hll
