// SPDX-License-Identifier: Apache-2.0
#include "store/watch.h"

#include <algorithm>
#include <cstring>

namespace henge::store {

std::string WatchRegistry::Name(DbIndex db, std::string_view key) {
  std::string name(sizeof(db) + key.size(), '\0');
  std::memcpy(name.data(), &db, sizeof(db));
  std::memcpy(name.data() + sizeof(db), key.data(), key.size());
  return name;
}

DbIndex WatchRegistry::DbOf(std::string_view name) {
  DbIndex db;
  std::memcpy(&db, name.data(), sizeof(db));
  return db;
}

void WatchRegistry::Add(DbIndex db, std::string_view key, WatchFlag* flag) {
  auto& flags = watchers_[Name(db, key)];
  if (std::find(flags.begin(), flags.end(), flag) == flags.end()) flags.push_back(flag);
}

void WatchRegistry::Remove(DbIndex db, std::string_view key, WatchFlag* flag) {
  const auto it = watchers_.find(Name(db, key));
  if (it == watchers_.end()) return;
  std::erase(it->second, flag);
  if (it->second.empty()) watchers_.erase(it);
}

void WatchRegistry::Touch(DbIndex db, std::string_view key) {
  const auto it = watchers_.find(Name(db, key));
  if (it == watchers_.end()) return;
  for (WatchFlag* flag : it->second) flag->raised.store(true, std::memory_order_relaxed);
}

}  // namespace henge::store
