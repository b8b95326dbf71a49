// SPDX-License-Identifier: Apache-2.0
// ChangeNews: who outside hears that keys change: subscribers of keyspace events.
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

// What the whole node wants to hear of; any thread.
class NewsWanted {
 public:
  void SetClasses(pubsub::EventClasses classes) {
    classes_.store(classes.PublishesAny() ? classes.bits() : 0, std::memory_order_relaxed);
  }
  bool any() const { return classes_.load(std::memory_order_relaxed) != 0; }
  pubsub::EventClasses classes() const {
    return pubsub::EventClasses::FromBits(classes_.load(std::memory_order_relaxed));
  }

 private:
  std::atomic<uint16_t> classes_{0};
};

class ChangeNews {
 public:
  ChangeNews(const NewsWanted& wanted, pubsub::Exchange& exchange, int worker)
      : wanted_(wanted), exchange_(exchange), worker_(worker) {}

  bool wanted() const { return wanted_.any(); }
  // See store::EffectSink, whose calls these are. REQUIRES: wanted().
  void OnEffect(DbIndex db, const store::Key& key, const store::Event& event, store::Change change);
  void OnEvent(DbIndex db, const store::Key& key, const store::Event& event);
  void OnMembersExpired(DbIndex db, const store::Key& key, const store::Event& event, bool emptied);

 private:
  void Publish(DbIndex db, std::string_view key, pubsub::EventClasses classes,
               pubsub::EventClass of, std::string_view name);

  const NewsWanted& wanted_;
  pubsub::Exchange& exchange_;
  const int worker_;
};

}  // namespace henge::server
