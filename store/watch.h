// SPDX-License-Identifier: Apache-2.0
// WATCH: who wants to know that a key changed. One registry per shard, used under the shard's lock.
//
// A client owns one WatchFlag for all keys it watches; a change raises the flag, from whichever
// thread made it. The client unregisters (under the locks) before the flag dies.
#pragma once

#include <atomic>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/types.h"

namespace henge::store {

struct WatchFlag {
  std::atomic<bool> raised{false};
};

class WatchRegistry {
 public:
  bool empty() const { return watchers_.empty(); }
  void Add(DbIndex db, std::string_view key, WatchFlag* flag);
  void Remove(DbIndex db, std::string_view key, WatchFlag* flag);
  void Touch(DbIndex db, std::string_view key);
  // Visits every watched key of a database: fn(key, flags).
  template <class F>
  void ForEach(DbIndex db, F fn) const {
    for (const auto& [name, flags] : watchers_) {
      if (DbOf(name) == db) fn(std::string_view(name).substr(sizeof(DbIndex)), flags);
    }
  }

 private:
  static std::string Name(DbIndex db, std::string_view key);
  static DbIndex DbOf(std::string_view name);
  StringMap<std::vector<WatchFlag*>> watchers_;  // Keyed by the database's two bytes and the key.
};

}  // namespace henge::store
