// SPDX-License-Identifier: Apache-2.0
#include "server/ready_keys.h"

#include <algorithm>
#include <utility>

namespace henge::server {
namespace {

std::string ReadyName(DbIndex db, std::string_view key) {
  std::string name = std::to_string(db);
  name += ':';
  name += key;
  return name;
}

}  // namespace

bool ReadyKeys::Has(DbIndex db, std::string_view key) {
  if (keys_.size() < kCompared) {
    return std::any_of(keys_.begin(), keys_.end(),
                       [&](const Ready& ready) { return ready.db == db && ready.key == key; });
  }
  if (names_.empty()) {
    for (const Ready& ready : keys_) names_.insert(ReadyName(ready.db, ready.key));
  }
  return !names_.insert(ReadyName(db, key)).second;
}

void ReadyKeys::Add(DbIndex db, std::string_view key) {
  if (!Has(db, key)) keys_.push_back({db, std::string(key)});
}

std::vector<ReadyKeys::Ready> ReadyKeys::Take() {
  names_.clear();
  return std::exchange(keys_, {});
}

}  // namespace henge::server
