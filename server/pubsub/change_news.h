// SPDX-License-Identifier: Apache-2.0
// ChangeNews: who outside hears that keys change: subscribers of keyspace events, and clients that
// track what they have read.
//
// One per worker, told by its EffectRecorder while the key's shard is locked: after the change,
// before the reply, in the order of execution. Where nobody wants to hear anything it costs one
// relaxed load.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/types.h"
#include "pubsub/event_classes.h"
#include "pubsub/exchange.h"
#include "store/event.h"
#include "store/key.h"

namespace henge::server {

class Tracking;

// What the whole node wants to hear of; any thread.
class NewsWanted {
 public:
  void SetClasses(pubsub::EventClasses classes) {
    const uint32_t bits = classes.PublishesAny() ? classes.bits() : 0;
    bits_.fetch_and(kTrackingBit);
    bits_.fetch_or(bits);
  }
  void SetTracking(bool on) { on ? bits_.fetch_or(kTrackingBit) : bits_.fetch_and(~kTrackingBit); }
  bool any() const { return bits_.load(std::memory_order_relaxed) != 0; }
  bool tracking() const { return (bits_.load(std::memory_order_relaxed) & kTrackingBit) != 0; }
  pubsub::EventClasses classes() const {
    return pubsub::EventClasses::FromBits(
        static_cast<uint16_t>(bits_.load(std::memory_order_relaxed)));
  }

 private:
  static constexpr uint32_t kTrackingBit = 1u << 31;
  std::atomic<uint32_t> bits_{0};
};

class ChangeNews {
 public:
  ChangeNews(const NewsWanted& wanted, pubsub::Exchange& exchange, Tracking& tracking, int worker)
      : wanted_(wanted), exchange_(exchange), tracking_(tracking), worker_(worker) {}

  // Whose command is under way; 0: nobody's.
  void set_client(ClientId client) { client_ = client; }

  bool wanted() const { return wanted_.any(); }
  // See store::EffectSink, whose calls these are. REQUIRES: wanted().
  void OnEffect(DbIndex db, const store::Key& key, const store::Event& event, store::Change change);
  void OnEvent(DbIndex db, const store::Key& key, const store::Event& event);
  void OnMembersExpired(DbIndex db, const store::Key& key, const store::Event& event, bool emptied);
  void OnFlush();

 private:
  void Publish(DbIndex db, std::string_view key, pubsub::EventClasses classes,
               pubsub::EventClass of, std::string_view name);

  const NewsWanted& wanted_;
  pubsub::Exchange& exchange_;
  Tracking& tracking_;
  const int worker_;
  ClientId client_ = 0;
};

}  // namespace henge::server
