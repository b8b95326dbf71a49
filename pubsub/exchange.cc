// SPDX-License-Identifier: Apache-2.0
#include "pubsub/exchange.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/crc16.h"
#include "base/glob.h"

namespace henge::pubsub {
namespace {

// A body from this size on is encoded before any lock is taken.
constexpr size_t kLargePayload = 4096;
// What a worker's own commands publish waits for the round's end up to here.
constexpr size_t kMostKept = 256 * 1024;

}  // namespace

Exchange::Exchange(int workers, Wake wake)
    : workers_(static_cast<size_t>(workers)),
      wake_(std::move(wake)),
      outboxes_(std::make_unique<Outbox[]>(workers_)) {}

const Exchange::Bucket& Exchange::BucketOf(Kind kind, std::string_view name) const {
  return buckets_[kind == Kind::kShardChannel ? 1 : 0][StringHash()(name) % kBuckets];
}

// --- Publishing ---------------------------------------------------------------------------------

int64_t Exchange::Publish(int worker, Kind kind, std::string_view channel,
                          std::string_view payload) {
  if (!anyone()) return 0;
  BlobRef body;
  if (payload.size() >= kLargePayload) body = EncodeBody(channel, payload);
  Topics topics;
  Workers to_wake;
  int64_t receivers = 0;
  bool own = false;
  {
    Bucket& bucket = BucketOf(kind, channel);
    const std::lock_guard lock(bucket.mu);
    if (const auto found = bucket.topics.find(channel); found != bucket.topics.end()) {
      topics.push_back(found->second);
    }
    std::shared_lock<std::shared_mutex> patterns_lock;
    if (kind == Kind::kChannel && Names(Kind::kPattern) != 0) {
      patterns_lock = std::shared_lock(patterns_mu_);
      for (const auto& [pattern, topic] : patterns_) {
        if (GlobMatch(pattern, channel)) topics.push_back(topic);
      }
    }
    if (topics.empty()) return 0;
    if (!body) body = EncodeBody(channel, payload);
    for (const TopicRef& topic : topics) receivers += static_cast<int64_t>(topic->total);
    own = Send(topics, body, worker, to_wake);
    if (own) TakeOutbox(outboxes_[static_cast<size_t>(worker)]);
  }
  for (const int other : to_wake) wake_(other);
  if (own) Keep(worker, topics, body);
  return receivers;
}

bool Exchange::Send(const Topics& topics, const BlobRef& body, int worker, Workers& to_wake) {
  bool own = false;
  for (size_t w = 0; w < workers_; ++w) {
    Outbox& outbox = outboxes_[w];
    for (const TopicRef& topic : topics) {
      if (topic->by_worker[w].empty()) continue;
      if (static_cast<int>(w) == worker) {
        own = true;
        break;
      }
      const std::lock_guard lock(outbox.mu);
      outbox.messages.push_back({topic, body});
      if (outbox.filled.exchange(true, std::memory_order_relaxed)) continue;
      to_wake.push_back(static_cast<int>(w));
    }
  }
  return own;
}

void Exchange::TakeOutbox(Outbox& outbox) {
  // Who sent what concerns the caller held a lock that the caller has, so it is seen.
  if (!outbox.filled.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(outbox.mu);
  outbox.filled.store(false, std::memory_order_relaxed);
  if (outbox.own.empty()) return outbox.own.swap(outbox.messages);
  for (Sent& sent : outbox.messages) outbox.own.push_back(std::move(sent));
  outbox.messages.clear();
}

void Exchange::Keep(int worker, Topics& topics, const BlobRef& body) {
  Outbox& outbox = outboxes_[static_cast<size_t>(worker)];
  for (TopicRef& topic : topics) {
    if (topic->by_worker[static_cast<size_t>(worker)].empty()) continue;
    outbox.own.push_back({std::move(topic), body});
    outbox.own_bytes += sizeof(Sent) + body->size();
  }
  if (outbox.own_bytes > kMostKept) return Drain(worker);
  if (!std::exchange(outbox.woken, true)) wake_(worker);
}

void Exchange::DeliverAll(int worker, std::span<const Sent> messages) {
  while (!messages.empty()) {
    const Topic& topic = *messages.front().topic;
    const std::vector<Subscriber*>& list = topic.by_worker[static_cast<size_t>(worker)];
    MessageRun run(messages, list.size());
    for (Subscriber* subscriber : list) subscriber->Deliver(run);
    messages = messages.subspan(run.size());
  }
}

void Exchange::Drain(int worker) {
  Outbox& outbox = outboxes_[static_cast<size_t>(worker)];
  TakeOutbox(outbox);
  outbox.woken = false;
  outbox.own_bytes = 0;
  if (outbox.own.empty()) return;
  outbox.delivering.swap(outbox.own);
  DeliverAll(worker, outbox.delivering);
  constexpr size_t kKept = 4096;
  if (outbox.delivering.capacity() > kKept) outbox.delivering = std::vector<Sent>();
  outbox.delivering.clear();
}

// --- Subscribing --------------------------------------------------------------------------------

template <class F>
void Exchange::Change(int worker, Kind kind, std::string_view name, F change) {
  Drain(worker);  // Most of it without a lock.
  if (kind == Kind::kPattern) {
    const std::lock_guard lock(patterns_mu_);
    Drain(worker);
    return change(patterns_);
  }
  Bucket& bucket = BucketOf(kind, name);
  const std::lock_guard lock(bucket.mu);
  Drain(worker);
  change(bucket.topics);
}

bool Exchange::Subscribe(Subscriber& subscriber, Kind kind, std::string_view name) {
  if (subscriber.places(kind).contains(name)) return false;
  Change(subscriber.worker(), kind, name,
         [&](StringMap<TopicRef>& topics) { Join(topics, subscriber, kind, name); });
  return true;
}

// Shard channels are their node's own.
void Exchange::TellPeers(Kind kind, std::string_view name, bool wanted) {
  if (peers_ != nullptr && kind != Kind::kShardChannel) peers_->OnInterest(kind, name, wanted);
}

void Exchange::Join(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind,
                    std::string_view name) {
  auto found = topics.find(name);
  if (found == topics.end()) {
    found = topics.emplace(name, std::make_shared<Topic>(kind, name, workers_)).first;
    topics_.fetch_add(1, std::memory_order_relaxed);
    names_[static_cast<size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
    TellPeers(kind, name, true);
  }
  Topic& topic = *found->second;
  std::vector<Subscriber*>& list = topic.by_worker[static_cast<size_t>(subscriber.worker())];
  subscriber.places(kind).emplace(topic.name, Subscriber::Place{found->second, list.size()});
  list.push_back(&subscriber);
  ++subscriber.subscriptions_;
  if (kind != Kind::kShardChannel) ++subscriber.joins_;
  ++topic.total;
}

bool Exchange::Unsubscribe(Subscriber& subscriber, Kind kind, std::string_view name) {
  if (!subscriber.places(kind).contains(name)) return false;
  Change(subscriber.worker(), kind, name,
         [&](StringMap<TopicRef>& topics) { Leave(topics, subscriber, kind, name); });
  return true;
}

void Exchange::Leave(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind,
                     std::string_view name) {
  const auto place = subscriber.places(kind).find(name);
  const TopicRef topic = place->second.topic;  // `name` may be its own.
  std::vector<Subscriber*>& list = topic->by_worker[static_cast<size_t>(subscriber.worker())];
  const size_t index = place->second.index;
  list[index] = list.back();
  list[index]->places(kind).find(topic->name)->second.index = index;
  list.pop_back();
  subscriber.places(kind).erase(place);
  --subscriber.subscriptions_;
  if (--topic->total != 0) return;
  topics.erase(topic->name);
  TellPeers(kind, topic->name, false);
  topics_.fetch_sub(1, std::memory_order_relaxed);
  names_[static_cast<size_t>(kind)].fetch_sub(1, std::memory_order_relaxed);
}

void Exchange::UnsubscribeAll(Subscriber& subscriber) {
  for (const Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShardChannel}) {
    for (const std::string& name : NamesOf(subscriber, kind)) Unsubscribe(subscriber, kind, name);
  }
}

void Exchange::Expel(int worker, const SlotSet& slots) {
  if (Names(Kind::kShardChannel) == 0) return;
  std::vector<std::pair<Slot, TopicRef>> lost;
  for (Bucket& bucket : buckets_[1]) {
    const std::lock_guard lock(bucket.mu);
    for (const auto& [name, topic] : bucket.topics) {
      const Slot slot = KeySlot(name);
      if (slots.test(slot)) lost.emplace_back(slot, topic);
    }
  }
  std::sort(lost.begin(), lost.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second->name) < std::tie(b.first, b.second->name);
  });
  for (const auto& [slot, topic] : lost) {
    const std::vector<Subscriber*> all = topic->by_worker[static_cast<size_t>(worker)];
    for (Subscriber* subscriber : all) {
      Unsubscribe(*subscriber, Kind::kShardChannel, topic->name);
      subscriber->OnExpelled(topic->name);
    }
  }
}

std::vector<std::string> Exchange::NamesOf(Subscriber& subscriber, Kind kind) const {
  std::vector<std::string> names;
  names.reserve(subscriber.count(kind));
  for (const auto& [name, place] : subscriber.places(kind)) names.emplace_back(name);
  return names;
}

// --- Looking ------------------------------------------------------------------------------------

std::vector<std::string> Exchange::Channels(Kind kind,
                                            std::optional<std::string_view> pattern) const {
  std::vector<std::string> names;
  if (Names(kind) == 0) return names;
  for (const Bucket& bucket : buckets_[kind == Kind::kShardChannel ? 1 : 0]) {
    const std::lock_guard lock(bucket.mu);
    for (const auto& [name, topic] : bucket.topics) {
      if (!pattern || GlobMatch(*pattern, name)) names.push_back(name);
    }
  }
  return names;
}

size_t Exchange::Subscribers(Kind kind, std::string_view name) const {
  const Bucket& bucket = BucketOf(kind, name);
  const std::lock_guard lock(bucket.mu);
  const auto found = bucket.topics.find(name);
  return found == bucket.topics.end() ? 0 : found->second->total;
}

}  // namespace henge::pubsub
