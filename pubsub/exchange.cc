// SPDX-License-Identifier: Apache-2.0
#include "pubsub/exchange.h"

#include <cstring>
#include <utility>

#include "base/glob.h"
#include "base/numbers.h"

namespace henge::pubsub {
namespace {

// A body from this size on is encoded before any lock is taken.
constexpr size_t kLargePayload = 4096;
constexpr size_t kMaxBulkHeader = 24;

char* PutBulk(char* to, std::string_view bytes) {
  *to++ = '$';
  to += FormatInt64(static_cast<int64_t>(bytes.size()), to);
  *to++ = '\r';
  *to++ = '\n';
  CopyBytes(to, bytes);
  to += bytes.size();
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

std::string HeadOf(Kind kind, std::string_view name) {
  if (kind == Kind::kChannel) return "*3\r\n$7\r\nmessage\r\n";
  if (kind == Kind::kShardChannel) return "*3\r\n$8\r\nsmessage\r\n";
  std::string head = "*4\r\n$8\r\npmessage\r\n";
  const size_t start = head.size();
  head.resize(start + name.size() + kMaxBulkHeader + 2);
  const char* end = PutBulk(head.data() + start, name);
  head.resize(static_cast<size_t>(end - head.data()));
  return head;
}

}  // namespace

Topic::Topic(Kind topic_kind, std::string_view topic_name, size_t workers)
    : kind(topic_kind),
      name(topic_name),
      head(HeadOf(topic_kind, topic_name)),
      by_worker(workers) {}

BlobRef EncodeBody(std::string_view channel, std::string_view payload) {
  const size_t most = channel.size() + payload.size() + 2 * (kMaxBulkHeader + 2);
  Blob* blob = Blob::New(most, most);
  char* end = PutBulk(blob->data(), channel);
  end = PutBulk(end, payload);
  blob->set_size(static_cast<size_t>(end - blob->data()));
  return BlobRef::Adopt(blob);
}

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
  std::vector<Sent> earlier;
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
    if (own) TakeOutbox(worker, earlier);
  }
  for (const int other : to_wake) wake_(other);
  if (own) {
    DeliverAll(worker, earlier);
    for (const TopicRef& topic : topics) Deliver(worker, *topic, body);
  }
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

void Exchange::TakeOutbox(int worker, std::vector<Sent>& out) {
  Outbox& outbox = outboxes_[static_cast<size_t>(worker)];
  // Who sent what concerns the caller held a lock that the caller has, so it is seen.
  if (!outbox.filled.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(outbox.mu);
  out.swap(outbox.messages);
  outbox.filled.store(false, std::memory_order_relaxed);
}

void Exchange::Deliver(int worker, const Topic& topic, const BlobRef& body) {
  for (Subscriber* subscriber : topic.by_worker[static_cast<size_t>(worker)]) {
    subscriber->Deliver(topic.head, body);
  }
}

void Exchange::DeliverAll(int worker, const std::vector<Sent>& messages) {
  for (const Sent& sent : messages) Deliver(worker, *sent.topic, sent.body);
}

void Exchange::Drain(int worker) {
  std::vector<Sent> messages;
  TakeOutbox(worker, messages);
  DeliverAll(worker, messages);
}

// --- Subscribing --------------------------------------------------------------------------------

template <class F>
void Exchange::Change(int worker, Kind kind, std::string_view name, F change) {
  Drain(worker);  // Most of it without a lock.
  const auto deliver_rest = [&] {
    std::vector<Sent> rest;
    TakeOutbox(worker, rest);
    DeliverAll(worker, rest);
  };
  if (kind == Kind::kPattern) {
    const std::lock_guard lock(patterns_mu_);
    deliver_rest();
    return change(patterns_);
  }
  Bucket& bucket = BucketOf(kind, name);
  const std::lock_guard lock(bucket.mu);
  deliver_rest();
  change(bucket.topics);
}

bool Exchange::Subscribe(Subscriber& subscriber, Kind kind, std::string_view name) {
  if (subscriber.places(kind).contains(name)) return false;
  Change(subscriber.worker(), kind, name,
         [&](StringMap<TopicRef>& topics) { Join(topics, subscriber, kind, name); });
  return true;
}

void Exchange::Join(StringMap<TopicRef>& topics, Subscriber& subscriber, Kind kind,
                    std::string_view name) {
  auto found = topics.find(name);
  if (found == topics.end()) {
    found = topics.emplace(name, std::make_shared<Topic>(kind, name, workers_)).first;
    topics_.fetch_add(1, std::memory_order_relaxed);
    names_[static_cast<size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
  }
  Topic& topic = *found->second;
  std::vector<Subscriber*>& list = topic.by_worker[static_cast<size_t>(subscriber.worker())];
  subscriber.places(kind).emplace(topic.name, Subscriber::Place{found->second, list.size()});
  list.push_back(&subscriber);
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
  if (--topic->total != 0) return;
  topics.erase(topic->name);
  topics_.fetch_sub(1, std::memory_order_relaxed);
  names_[static_cast<size_t>(kind)].fetch_sub(1, std::memory_order_relaxed);
}

void Exchange::UnsubscribeAll(Subscriber& subscriber) {
  for (const Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShardChannel}) {
    for (const std::string& name : NamesOf(subscriber, kind)) Unsubscribe(subscriber, kind, name);
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
