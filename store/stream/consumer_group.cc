// SPDX-License-Identifier: Apache-2.0
#include "store/stream/consumer_group.h"

#include <absl/container/flat_hash_map.h>

namespace henge::store {
namespace {

// One in so many of a group's pending entries: from there on all are gone through at once.
constexpr size_t kWorthAPass = 16;

size_t NameBytes(const std::string& name) {
  constexpr size_t kInPlace = 15;  // libstdc++ keeps so many without an allocation.
  return name.capacity() > kInPlace ? AllocationSize(name.capacity() + 1) : 0;
}

}  // namespace

Consumer::Consumer(std::string_view consumer_name, UnixMillis now, MemoryAccount& account)
    : name(consumer_name), seen_time(now), pending(account), account_(account) {
  account_.Add(AllocationSize(sizeof(Consumer)) + NameBytes(name));
}

Consumer::~Consumer() { account_.Subtract(AllocationSize(sizeof(Consumer)) + NameBytes(name)); }

ConsumerGroup::ConsumerGroup(std::string_view group_name, const StreamId& last, int64_t read,
                             MemoryAccount* stream)
    : name(group_name),
      last_id(last),
      entries_read(read),
      account_(stream),
      pending_(account_),
      consumers_(account_) {
  account_.Add(AllocationSize(sizeof(ConsumerGroup)) + NameBytes(name));
}

ConsumerGroup::~ConsumerGroup() {
  account_.Subtract(AllocationSize(sizeof(ConsumerGroup)) + NameBytes(name));
}

Consumer& ConsumerGroup::AddConsumer(std::string_view consumer, UnixMillis now) {
  return consumers_.Add(std::make_unique<Consumer>(consumer, now, account_));
}

std::shared_ptr<void> ConsumerGroup::RemoveConsumer(Consumer& consumer) {
  struct Gone {
    IdMap<Pending>::Cut of_group;
    IdMap<PendingId>::Cut of_consumer;
  };
  auto gone = std::make_shared<Gone>();
  if (consumer.pending.size() == pending_.size()) {
    gone->of_group = pending_.CutBefore(pending_.End());
  } else if (consumer.pending.size() > pending_.size() / kWorthAPass) {
    gone->of_group =
        pending_.EraseIf([&](const Pending& pending) { return pending.consumer == &consumer; });
  } else {
    consumer.pending.ForEach([&](const PendingId& pending) { pending_.Erase(pending.id); });
  }
  gone->of_consumer = consumer.pending.CutBefore(consumer.pending.End());
  consumers_.Remove(consumer);
  return gone;
}

Pending& ConsumerGroup::Deliver(const StreamId& id, Consumer& consumer, UnixMillis now) {
  // Nearly always the newest of all.
  Pending* known = pending_.empty() || id > pending_.Back().id ? nullptr : pending_.Find(id);
  if (known == nullptr) {
    consumer.pending.Insert({id});
    return pending_.Insert({id, now, 1, &consumer});
  }
  Reassign(*known, consumer);
  known->delivery_time = now;
  known->delivery_count = 1;
  return *known;
}

void ConsumerGroup::Reassign(Pending& pending, Consumer& consumer) {
  if (pending.consumer == &consumer) return;
  pending.consumer->pending.Erase(pending.id);
  consumer.pending.Insert({pending.id});
  pending.consumer = &consumer;
}

IdMap<Pending>::Cursor ConsumerGroup::Acknowledge(const IdMap<Pending>::Cursor& at) {
  const Pending& pending = pending_.At(at);
  pending.consumer->pending.Erase(pending.id);
  return pending_.Erase(at);
}

bool ConsumerGroup::Acknowledge(const StreamId& id) {
  const auto at = pending_.LowerBound(id);
  if (at == pending_.End() || pending_.At(at).id != id) return false;
  Acknowledge(at);
  return true;
}

std::unique_ptr<ConsumerGroup> ConsumerGroup::Copy(MemoryAccount* stream) const {
  auto copy = std::make_unique<ConsumerGroup>(name, last_id, entries_read, stream);
  absl::flat_hash_map<const Consumer*, Consumer*> same;
  for (const auto& consumer : consumers_) {
    Consumer& twin = copy->AddConsumer(consumer->name, consumer->seen_time);
    twin.active_time = consumer->active_time;
    twin.pending.CopyFrom(consumer->pending, [](PendingId&) {});
    same[consumer.get()] = &twin;
  }
  copy->pending_.CopyFrom(pending_, [&](Pending& p) { p.consumer = same[p.consumer]; });
  return copy;
}

}  // namespace henge::store
