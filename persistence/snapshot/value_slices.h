// SPDX-License-Identifier: Apache-2.0
// ValueSlices: a large value as RDB has it, a piece at a time, so that its shard need not be held
// for long.
//
//   value ──> part | part | part …       each slice appends parts until it is large enough;
//             text longer than a slice stands in it by pieces
//
// What the slices append is, one behind the other, what WriteBody would append at once. Reads the
// value, so the caller of every member holds its shard's lock; REQUIRES that the value doesn't
// change from the first slice to the last.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/rdb/rdb_writer.h"
#include "store/entry.h"

namespace henge::persistence {

// Of a record that doesn't compress: bytes, and where in them strings stand that may be worth it.
struct RecordSlice {
  std::string bytes;
  std::vector<size_t> texts;  // Offsets.
};

// Appends the slice to the writer, with the strings in it compressed if the writer does so.
void AppendSlice(const RecordSlice& slice, RdbWriter& writer);

// Appends a value's parts to a slice, and keeps what is too long for it until the next.
class SliceWriter {
 public:
  // How much there should be in a slice: so many bytes, or so many parts, whatever comes first. It
  // may be a little more.
  static constexpr size_t kBytes = 64 * 1024;
  static constexpr size_t kParts = 1024;

  explicit SliceWriter(int version) : options_{.version = version, .compress = false} {}

  int version() const { return options_.version; }
  // From now on, until `slice` is another, everything goes there; first what was kept.
  void Begin(RecordSlice& slice);
  // REQUIRES: begun.
  bool full() const { return !kept_.empty() || left_ == 0 || slice_->bytes.size() >= end_; }
  bool keeps() const { return !kept_.empty(); }

  void Length(uint64_t length);
  void Integer(int64_t value);  // As a string.
  void Fixed(std::string_view bytes);
  // Stays where it is until all is written.
  void Text(std::string_view text);

 private:
  // Of what is still to be written: bytes of its own, or those of a text.
  struct Piece {
    std::string own;
    std::string_view text;
  };
  template <class F>
  void Put(F put);
  void Continue();

  RdbOptions options_;
  RecordSlice* slice_ = nullptr;
  size_t end_ = 0;   // Of the slice's bytes;
  size_t left_ = 0;  // and parts to go.
  std::deque<Piece> kept_;
};

// How to go through a value of one type in one form.
class ValueParts {
 public:
  virtual ~ValueParts() = default;
  // Writes the next few; false when it wrote the last.
  virtual bool Write(SliceWriter& writer) = 0;
};

class ValueSlices {
 public:
  ValueSlices(const store::Entry& entry, int version);

  // Appends one slice; whether there is more.
  bool Next(RecordSlice& slice);

 private:
  SliceWriter writer_;
  std::unique_ptr<ValueParts> parts_;
  bool more_ = true;
};

}  // namespace henge::persistence
