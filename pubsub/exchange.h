// SPDX-License-Identifier: Apache-2.0
// Exchange: who has subscribed to what, on all workers, and the way of a message to them.
//
//   PUBLISH on worker 0            bucket (a lock)          worker 1
//     encode once ──> look up ──> topic "news"
//                                   worker 0: [a b]  ─────> delivered at once, after the lock
//                                   worker 1: [c]    ─────> outbox 1 ── wake ──> Drain: c gets it
//
// Channels stand in buckets by their hash, each with a lock of its own; patterns are few and are
// read under a shared lock. A topic lists its subscribers by worker. A list is changed by its
// worker only, under the bucket's lock; so its worker may walk it without, and others may count it
// under the lock.
//
// Order. A message is put into the outboxes while the locks are held, and whoever subscribes or
// leaves first takes out, under the same lock, what is in its worker's. Hence the messages of a
// channel have one order everywhere; a subscriber gets exactly those published between its SUBSCRIBE
// and its UNSUBSCRIBE; and Publish's count is exactly of those who get it.
//
// While nobody has subscribed to anything Publish is one relaxed load.
//
// Locks: a bucket, then patterns, then an outbox; all leaves to everybody else, who may hold shards.
#pragma once

#include <absl/container/inlined_vector.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/strings.h"
#include "pubsub/subscriber.h"

namespace henge::pubsub {

// What one can subscribe to.
struct Topic {
  Topic(Kind topic_kind, std::string_view topic_name, size_t workers);

  const Kind kind;
  const std::string name;
  const std::string head;  // What its messages begin with.
  size_t total = 0;
  std::vector<std::vector<Subscriber*>> by_worker;
};
using TopicRef = std::shared_ptr<Topic>;

// A body: both as bulk strings.
BlobRef EncodeBody(std::string_view channel, std::string_view payload);

class Exchange {
 public:
  // `wake(worker)` has Drain(worker) called on that worker, soon.
  using Wake = std::function<void(int worker)>;
  Exchange(int workers, Wake wake);

  static constexpr int kNoWorker = -1;
  // To a channel and to the patterns that match it, or to a shard channel. `worker` is the
  // caller's own, whose subscribers have it on return, or kNoWorker. Returns how many get it.
  int64_t Publish(int worker, Kind kind, std::string_view channel, std::string_view payload);
  // Whether anyone has subscribed to anything.
  bool anyone() const { return topics_.load(std::memory_order_relaxed) != 0; }

  // --- The subscriber's worker's thread ---------------------------------------------------------
  // False if it is (not) there already.
  bool Subscribe(Subscriber& subscriber, Kind kind, std::string_view name);
  bool Unsubscribe(Subscriber& subscriber, Kind kind, std::string_view name);
  void UnsubscribeAll(Subscriber& subscriber);
  // What it has subscribed to, in no order.
  std::vector<std::string> NamesOf(Subscriber& subscriber, Kind kind) const;
  // Delivers what waits for the worker.
  void Drain(int worker);

  // --- Any thread; PUBSUB and INFO --------------------------------------------------------------
  // Channels with subscribers, in no order; all without a pattern.
  std::vector<std::string> Channels(Kind kind, std::optional<std::string_view> pattern) const;
  size_t Subscribers(Kind kind, std::string_view name) const;
  // How many different names have subscribers.
  size_t Names(Kind kind) const {
    return names_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kBuckets = 64;
  struct Bucket {
    mutable std::mutex mu;
    StringMap<TopicRef> topics;
  };
  struct Sent {
    TopicRef topic;
    BlobRef body;
  };
  struct alignas(64) Outbox {
    std::mutex mu;
    std::atomic<bool> filled{false};
    std::vector<Sent> messages;
  };
  using Topics = absl::InlinedVector<TopicRef, 4>;
  using Workers = absl::InlinedVector<int, 8>;

  const Bucket& BucketOf(Kind kind, std::string_view name) const;
  Bucket& BucketOf(Kind kind, std::string_view name) {
    return const_cast<Bucket&>(std::as_const(*this).BucketOf(kind, name));
  }
  // REQUIRES: the locks of a publisher are held. Returns whether `worker` itself is concerned.
  bool Send(const Topics& topics, const BlobRef& body, int worker, Workers& to_wake);
  void TakeOutbox(int worker, std::vector<Sent>& out);
  void Deliver(int worker, const Topic& topic, const BlobRef& body);
  void DeliverAll(int worker, const std::vector<Sent>& messages);
  // REQUIRES: the lock of the map is held.
  void Join(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind, std::string_view name);
  void Leave(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind, std::string_view name);
  // Runs `change` on the map that holds `name`, under its lock, when all that was published before
  // has been delivered to the worker's subscribers.
  template <class F>
  void Change(int worker, Kind kind, std::string_view name, F change);

  const size_t workers_;
  const Wake wake_;
  std::array<std::array<Bucket, kBuckets>, 2> buckets_;  // Channels, shard channels.
  mutable std::shared_mutex patterns_mu_;
  StringMap<TopicRef> patterns_;
  std::unique_ptr<Outbox[]> outboxes_;
  std::atomic<size_t> topics_{0};
  std::array<std::atomic<size_t>, kKinds> names_{};
};

}  // namespace henge::pubsub
