// SPDX-License-Identifier: Apache-2.0
// Exchange: who has subscribed to what, on all workers, and the way of a message to them.
//
//   PUBLISH on worker 0            bucket (a lock)
//     encode once ──> look up ──> topic "news"
//                                   worker 0: [a b]  ─> its own list ── at the round's end ─┐
//                                   worker 1: [c]    ─> outbox 1 ── wake ──> list ──────────┤
//                                                    Drain: a run of messages to each <─────┘
//
// Messages wait for the end of the round, so that all of a topic go to a subscriber as one run.
// Whoever writes to a subscriber's connection what comes later must call Drain first.
//
// Channels stand in buckets by their hash, each with a lock of its own; patterns are few and are
// read under a shared lock. A topic lists its subscribers by worker. A list is changed by its
// worker only, under the bucket's lock; so its worker may walk it without, and others may count it
// under the lock.
//
// Order. A message is put into the outboxes while the locks are held; whoever subscribes or leaves
// first delivers, under the same lock, what waits for its worker; and who publishes to its own
// worker's first takes over what is in its outbox. Hence the messages of a
// channel have one order everywhere; a subscriber gets exactly those published between its
// SUBSCRIBE and its UNSUBSCRIBE; and Publish's count is exactly of those who get it.
//
// While nobody has subscribed to anything Publish is one relaxed load.
//
// Locks: a bucket, then patterns, then an outbox; all leaves to everybody else, who may hold
// shards.
#pragma once

#include <absl/container/inlined_vector.h>

#include <array>
#include <atomic>
#include <bitset>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/blob.h"
#include "base/strings.h"
#include "base/types.h"
#include "pubsub/message_run.h"
#include "pubsub/peers.h"
#include "pubsub/subscriber.h"

namespace henge::pubsub {

using SlotSet = std::bitset<kSlots>;

class Exchange {
 public:
  // `wake(worker)` has Drain(worker) called on that worker: at the end of its round, if it is the
  // caller's own.
  using Wake = std::function<void(int worker)>;
  Exchange(int workers, Wake wake);

  static constexpr int kNoWorker = -1;
  // To a channel and to the patterns that match it, or to a shard channel. `worker` is the
  // caller's own, or kNoWorker. Returns how many get it.
  int64_t Publish(int worker, Kind kind, std::string_view channel, std::string_view payload);
  // To other nodes, if there are any that want it.
  void PublishToPeers(std::string_view channel, std::string_view payload) {
    if (peers_ != nullptr) peers_->Publish(channel, payload);
  }
  // They outlive all subscribers. Before anybody subscribes.
  void Connect(Peers& peers) { peers_ = &peers; }
  // Whether anyone has subscribed to anything.
  bool anyone() const { return topics_.load(std::memory_order_relaxed) != 0; }

  // --- The subscriber's worker's thread ---------------------------------------------------------
  // False if it is (not) there already.
  bool Subscribe(Subscriber& subscriber, Kind kind, std::string_view name);
  bool Unsubscribe(Subscriber& subscriber, Kind kind, std::string_view name);
  void UnsubscribeAll(Subscriber& subscriber);
  // Ends the worker's subscriptions to shard channels of these slots, slot by slot, and tells each
  // subscriber.
  void Expel(int worker, const SlotSet& slots);
  // What it has subscribed to, in no order.
  std::vector<std::string> NamesOf(Subscriber& subscriber, Kind kind) const;
  // Delivers what waits for the worker: all that was published by it, and by others as far as it
  // may know.
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
  struct alignas(64) Outbox {
    std::mutex mu;
    std::atomic<bool> filled{false};
    std::vector<Sent> messages;  // Under mu, by other threads.
    // The worker's thread only: older than what is in `messages`, as far as the order matters.
    std::vector<Sent> own;
    size_t own_bytes = 0;
    bool woken = false;  // For `own`.
    std::vector<Sent> delivering;
  };
  using Topics = absl::InlinedVector<TopicRef, 4>;
  using Workers = absl::InlinedVector<int, 8>;

  const Bucket& BucketOf(Kind kind, std::string_view name) const;
  Bucket& BucketOf(Kind kind, std::string_view name) {
    return const_cast<Bucket&>(std::as_const(*this).BucketOf(kind, name));
  }
  // REQUIRES: the locks of a publisher are held. Returns whether `worker` itself is concerned.
  bool Send(const Topics& topics, const BlobRef& body, int worker, Workers& to_wake);
  // Moves what others have put into the outbox behind the worker's own.
  void TakeOutbox(Outbox& outbox);
  void Keep(int worker, Topics& topics, const BlobRef& body);
  void DeliverAll(int worker, std::span<const Sent> messages);
  // REQUIRES: the lock of the map is held.
  void TellPeers(Kind kind, std::string_view name, bool wanted);
  void Join(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind, std::string_view name);
  void Leave(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind, std::string_view name);
  // Runs `change` on the map that holds `name`, under its lock, when all that was published before
  // has been delivered to the worker's subscribers.
  template <class F>
  void Change(int worker, Kind kind, std::string_view name, F change);

  const size_t workers_;
  const Wake wake_;
  Peers* peers_ = nullptr;
  std::array<std::array<Bucket, kBuckets>, 2> buckets_;  // Channels, shard channels.
  mutable std::shared_mutex patterns_mu_;
  StringMap<TopicRef> patterns_;
  std::unique_ptr<Outbox[]> outboxes_;
  std::atomic<size_t> topics_{0};
  std::array<std::atomic<size_t>, kKinds> names_{};
};

}  // namespace henge::pubsub
