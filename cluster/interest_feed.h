// SPDX-License-Identifier: Apache-2.0
// InterestFeed: what clients of this node subscribe to, and which of it each peer has been told.
//
//   SUBSCRIBE news ──> Change ──> wanted: {news}     ┌─> stream 1: told {}       due {+news}
//                                         version 7  └─> stream 2: told {news}   due {}
//
// A stream begins with nothing told; what it is due is at any time the difference between what is
// wanted and what it was told, so changes that undo each other cost nothing and a slow peer costs
// no more than the two sets. Versions count changes: when nothing is due any more, the version is
// said, and when the peer acknowledges it, messages published there after that are sure to come.
//
// A name longer than kMaxName is told as the pattern "*": a peer may send too much, for what comes
// is looked up here again, but never too little.
//
// No I/O. Any thread; one lock, a leaf. `wake` is called under it and must not come back.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace henge::cluster {

enum class TopicKind : uint8_t { kChannel, kPattern };
inline constexpr size_t kTopicKinds = 2;

struct InterestChange {
  TopicKind kind = TopicKind::kChannel;
  bool wanted = false;
  std::string name;
};

struct InterestChunk {
  std::vector<InterestChange> changes;
  uint64_t version = 0;  // All that was wanted at that version has been told; 0: more is due.
  bool empty() const { return changes.empty() && version == 0; }
};

using StreamId = uint64_t;

class InterestFeed {
 public:
  static constexpr size_t kMaxName = 64 * 1024;

  // `wake(stream)`: something is due to a stream that was told all before.
  using Wake = std::function<void(StreamId)>;
  explicit InterestFeed(Wake wake) : wake_(std::move(wake)) {}

  void Change(TopicKind kind, std::string_view name, bool wanted);

  // A stream begins and ends. Its first chunk is never empty: it says a version.
  StreamId Open();
  void Close(StreamId stream);

  // What is due now, of about `max_bytes`; empty if nothing is, or if the stream is closed.
  InterestChunk Take(StreamId stream, size_t max_bytes);
  void OnAcknowledged(StreamId stream, uint64_t version);

  // Calls `heard`, once, when all peers know what is wanted now: on the thread that brings the
  // news, and it must not come back. False, and no call, if they do. Peers that are late are not
  // waited for: those that have yet to answer, or did not in time.
  bool Await(std::function<void()> heard);
  // Who has not acknowledged what was wanted then is late, until it has heard everything.
  void GiveUp(uint64_t version);

  uint64_t version() const;
  // Whether all streams that are open have acknowledged the version.
  bool Acknowledged(uint64_t version) const;

 private:
  struct Stream {
    std::array<StringMap<bool>, kTopicKinds> due;
    uint64_t told = 0;          // The last version said.
    uint64_t acknowledged = 0;  // And the last one heard.
    bool idle = false;          // Its last Take gave nothing.
    bool late = true;
  };

  struct Waiting {
    uint64_t version;
    std::function<void()> heard;
  };

  // REQUIRES: mutex_ held, for both.
  void TakeHeard(std::vector<Waiting>& heard);
  void Tell(TopicKind kind, std::string_view name, bool wanted);

  const Wake wake_;
  mutable std::mutex mutex_;
  std::array<StringMap<size_t>, kTopicKinds> wanted_;  // With how many topics are told as this.
  absl::flat_hash_map<StreamId, Stream> streams_;
  std::deque<Waiting> waiting_;  // By version.
  StreamId last_stream_ = 0;
  uint64_t version_ = 1;
};

}  // namespace henge::cluster
