// SPDX-License-Identifier: Apache-2.0
// ConsumerGroup: consumers who share out a stream's entries, and what was delivered to them but not
// yet acknowledged.
//
//   group     name, last delivered ID, how many read   pending: id -> consumer, when, how often
//   consumer  name, when seen, when active             pending: ids
//
// What is pending stands once with its facts, in the group, and as an ID with its consumer. Not
// thread-safe. A Pending* is valid until the group's next change; a Consumer* until it is removed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/types.h"
#include "store/stream/id_map.h"
#include "store/stream/memory_account.h"
#include "store/stream/stream_id.h"

namespace henge::store {

// Things with a `name`, in the order of their names, by memcmp. Owns them.
template <class T>
class NameMap {
 public:
  explicit NameMap(MemoryAccount& account) : account_(account) {}
  ~NameMap() { account_.Subtract(TableBytes()); }
  NameMap(const NameMap&) = delete;
  NameMap& operator=(const NameMap&) = delete;

  size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  T* Find(std::string_view name) const {
    const auto at = Bound(name);
    return at != items_.end() && (*at)->name == name ? at->get() : nullptr;
  }
  // REQUIRES: none of that name is there.
  T& Add(std::unique_ptr<T> item) {
    account_.Subtract(TableBytes());
    T& added = **items_.insert(Bound(item->name), std::move(item));
    account_.Add(TableBytes());
    return added;
  }
  std::unique_ptr<T> Remove(T& item) {
    const auto at = items_.begin() + (Bound(item.name) - items_.begin());
    std::unique_ptr<T> removed = std::move(*at);
    items_.erase(at);
    return removed;
  }

 private:
  auto Bound(std::string_view name) const {
    return std::lower_bound(
        items_.begin(), items_.end(), name,
        [](const std::unique_ptr<T>& item, std::string_view to) { return item->name < to; });
  }
  size_t TableBytes() const {
    return items_.capacity() == 0 ? 0 : AllocationSize(items_.capacity() * sizeof(items_[0]));
  }
  MemoryAccount& account_;
  std::vector<std::unique_ptr<T>> items_;
};

struct PendingId {
  StreamId id;
};

struct Consumer {
  static constexpr UnixMillis kNever = -1;

  Consumer(std::string_view consumer_name, UnixMillis now, MemoryAccount& account);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  const std::string name;
  UnixMillis seen_time;             // Of its last command.
  UnixMillis active_time = kNever;  // When it last got an entry.
  IdMap<PendingId> pending;

 private:
  MemoryAccount& account_;
};

struct Pending {
  StreamId id;
  UnixMillis delivery_time;
  uint64_t delivery_count;
  Consumer* consumer;
};

class ConsumerGroup {
 public:
  static constexpr int64_t kUnknown = -1;  // Of entries_read.

  ConsumerGroup(std::string_view group_name, const StreamId& last, int64_t read,
                MemoryAccount* stream);
  ~ConsumerGroup();

  const std::string name;
  StreamId last_id;      // Of what was delivered.
  int64_t entries_read;  // As many as were ever added up to last_id, or kUnknown.

  const IdMap<Pending>& pending() const { return pending_; }
  const NameMap<Consumer>& consumers() const { return consumers_; }

  Consumer* FindConsumer(std::string_view consumer) const { return consumers_.Find(consumer); }
  // REQUIRES: there is none of that name.
  Consumer& AddConsumer(std::string_view consumer, UnixMillis now);
  // With all that is pending for it. What is returned is freed with its last holder, on any thread.
  std::shared_ptr<void> RemoveConsumer(Consumer& consumer);

  Pending* FindPending(const StreamId& id) { return pending_.Find(id); }
  Pending& At(const IdMap<Pending>::Cursor& at) { return pending_.At(at); }
  // Makes the entry pending for the consumer, as delivered once now: anew, or instead of another.
  Pending& Deliver(const StreamId& id, Consumer& consumer, UnixMillis now);
  void Reassign(Pending& pending, Consumer& consumer);
  // No longer pending, for anyone; returns where the next one is.
  IdMap<Pending>::Cursor Acknowledge(const IdMap<Pending>::Cursor& at);
  // The same by ID; false if it was not pending.
  bool Acknowledge(const StreamId& id);

  // The same group for a copy of its stream.
  std::unique_ptr<ConsumerGroup> Copy(MemoryAccount* stream) const;
  // From now on its memory is not its stream's.
  void Settle() { account_.Settle(); }
  size_t FreeEffort() const { return 1 + consumers_.size() + 2 * pending_.chunks(); }

 private:
  MemoryAccount account_;
  IdMap<Pending> pending_;
  NameMap<Consumer> consumers_;
};

}  // namespace henge::store
