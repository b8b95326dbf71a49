// SPDX-License-Identifier: Apache-2.0
// StreamPlaces: which stream of changes the journal's bytes belong to, and where in it they stand:
// "from this LSN on it is the stream NAME, and that byte is its OFFSET". The append-only file says
// so, too, so that what a crash leaves of it knows its own place, to the byte:
//
//     #HENGE-AT:1204:NAME         what follows is the stream NAME, from offset 1204 on
//     #HENGE-SKIP:14              so many of its bytes are not in the file: words between nodes
//     #HENGE-AT:                  nobody knows what follows
//
// All else but annotations counts as it is. Other loaders skip these lines.
//
// Any thread; a leaf. Places are put in the journal's order, before anything is appended behind
// them.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/types.h"

namespace henge::persistence {

// A stream without a name is not known, and its offsets mean nothing.
struct StreamPlace {
  std::string name;
  int64_t offset = 0;
  bool operator==(const StreamPlace& other) const {
    return name == other.name && (name.empty() || offset == other.offset);
  }
};

class StreamPlaces {
 public:
  static constexpr Lsn kNever = ~Lsn{0};

  void Put(Lsn at, StreamPlace place);
  // Nothing if none was put at or before it, or none is remembered.
  std::optional<StreamPlace> At(Lsn lsn) const;
  // The first place behind `lsn`.
  Lsn NextBehind(Lsn lsn) const;

 private:
  struct Entry {
    Lsn at;
    StreamPlace place;
  };
  static constexpr size_t kMostRemembered = 256;

  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // In order of their LSNs.
};

// The lines, with their ends.
std::string PlaceLine(const StreamPlace& place);
std::string SkipLine(int64_t bytes);
inline constexpr size_t kLongestPlaceLine = 160;  // With names of up to 100 bytes.

// Follows a file's lines and units to its end.
class PlaceReader {
 public:
  // Behind another file: nothing is known.
  void Begin() { place_.reset(); }
  void OnAnnotation(std::string_view line);
  void OnUnit(uint64_t bytes) {
    if (place_) place_->offset += static_cast<int64_t>(bytes);
  }
  // Where what was read ends; nothing if the file does not say.
  const std::optional<StreamPlace>& place() const { return place_; }

 private:
  std::optional<StreamPlace> place_;
};

}  // namespace henge::persistence
