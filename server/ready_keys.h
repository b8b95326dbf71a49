// SPDX-License-Identifier: Apache-2.0
// ReadyKeys: the keys that executions have made ready for those who wait for them, in the order
// they said so, each once. One per worker, on its thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/types.h"

namespace henge::server {

class ReadyKeys {
 public:
  struct Ready {
    DbIndex db;
    std::string key;
  };
  bool empty() const { return keys_.empty(); }
  void Add(DbIndex db, std::string_view key);
  std::vector<Ready> Take();

 private:
  static constexpr size_t kCompared = 8;  // From so many on, names_ tells what is there.
  bool Has(DbIndex db, std::string_view key);
  std::vector<Ready> keys_;
  StringSet names_;  // The database's digits, a colon, the key.
};

}  // namespace henge::server
