// SPDX-License-Identifier: Apache-2.0
// Followers: the peers that want messages of this node, what they want, and what waits for them.
//
//   PUBLISH news ──> who wants it? ──> queue of peer 1 ──> Take, by its stream
//                                      (peer 2 does not: nothing)
//
// A follower begins with an empty interest, which its changes build up (InterestFeed). A message
// goes into the queue of each that wants it, once however many patterns match, in the order in
// which a thread publishes. It is on one stream only: what waits when a stream ends is lost, and
// nothing comes twice. A peer has one stream; one with a higher number replaces it.
//
// A queue is bounded. What comes when it is full is dropped and counted, so a peer that reads
// slowly, or no longer, costs its bound and a look-up for each message, and nobody else anything.
//
// While no peer wants anything Publish is one relaxed load. No I/O. Any thread: interests under a
// lock that publishers share, each queue under one of its own; both leaves. `wake` is called
// without a queue's lock, perhaps under the other one; it must not come back.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "cluster/interest_feed.h"
#include "cluster/node_id.h"

namespace henge::cluster {

struct RelayedMessage {
  std::string channel;
  std::string payload;
  size_t bytes() const { return channel.size() + payload.size() + sizeof(RelayedMessage); }
};
using RelayedMessageRef = std::shared_ptr<const RelayedMessage>;

struct RelayBatch {
  std::vector<RelayedMessageRef> messages;
  uint64_t acknowledged = 0;  // The version last heard; 0: as before.
  bool empty() const { return messages.empty() && acknowledged == 0; }
};

// Counted since the start.
struct FollowersStats {
  uint64_t sent = 0;        // Messages taken, each peer's by itself.
  uint64_t dropped = 0;     // That found a full queue, or whose stream ended.
  uint64_t overflowed = 0;  // How often a queue became full.
  uint64_t followers = 0;   // Now.
  uint64_t queued_bytes = 0;
};

class Followers {
 public:
  static constexpr size_t kDefaultLimit = size_t{64} << 20;

  // `wake(stream)`: something waits for a stream whose last Take gave nothing, or it was closed.
  using Wake = std::function<void(StreamId)>;
  explicit Followers(Wake wake) : wake_(std::move(wake)) {}

  void Publish(std::string_view channel, std::string_view payload);

  // Nullopt if the peer has a newer stream; one with a lower number is closed.
  std::optional<StreamId> Open(const NodeId& peer, uint64_t number);
  void Close(StreamId stream);
  // False if the stream is closed.
  bool OnChanges(StreamId stream, const InterestChunk& chunk);
  // What is to be sent now, of about `max_bytes`, or one message of any size; nullopt if the
  // stream is closed.
  std::optional<RelayBatch> Take(StreamId stream, size_t max_bytes);

  // Bytes that may wait for one peer.
  void SetLimit(size_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  FollowersStats stats() const;
  size_t QueuedBytes(const NodeId& peer) const;

 private:
  struct Follower {
    NodeId peer;
    StreamId stream = 0;
    uint64_t number = 0;
    std::array<StringSet, kTopicKinds> wants;  // Guarded by interests_mutex_.

    std::mutex mutex;  // Guards what follows.
    std::deque<RelayedMessageRef> queue;
    size_t bytes = 0;
    uint64_t unacknowledged = 0;
    bool idle = false;
    bool full = false;
    bool closed = false;
  };
  using FollowerRef = std::shared_ptr<Follower>;
  using Interested = absl::InlinedVector<FollowerRef, 4>;

  // A change of interests. Publishers share the lock and could keep a change out for ever, so
  // they let it go first.
  class Changing {
   public:
    explicit Changing(Followers& followers) : followers_(followers) {
      followers_.changing_.fetch_add(1);
      followers_.turn_.lock();
      followers_.interests_mutex_.lock();
    }
    ~Changing() {
      followers_.interests_mutex_.unlock();
      followers_.changing_.fetch_sub(1);
      followers_.turn_.unlock();
    }
    Changing(const Changing&) = delete;
    Changing& operator=(const Changing&) = delete;

   private:
    Followers& followers_;
  };

  FollowerRef Find(StreamId stream) const;
  // REQUIRES: interests_mutex_ held; alone, for the others.
  void AddInterested(const Interested& some, Interested& all) const;
  void Want(const FollowerRef& follower, TopicKind kind, std::string_view name);
  void Forget(const FollowerRef& follower, TopicKind kind, std::string_view name);
  void CloseLocked(const FollowerRef& follower);
  // Returns whether the stream must be woken.
  bool Enqueue(Follower& follower, const RelayedMessageRef& message);

  const Wake wake_;
  std::atomic<size_t> limit_{kDefaultLimit};
  std::atomic<size_t> interests_{0};  // Names wanted, each peer's by itself.
  std::atomic<int> changing_{0};
  std::mutex turn_;
  mutable std::shared_mutex interests_mutex_;
  std::array<StringMap<Interested>, kTopicKinds> wanted_;
  absl::flat_hash_map<StreamId, FollowerRef> followers_;
  StreamId last_stream_ = 0;
  std::atomic<uint64_t> sent_{0};
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> overflowed_{0};
};

}  // namespace henge::cluster
