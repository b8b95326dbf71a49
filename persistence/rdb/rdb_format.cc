// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/rdb_format.h"

#include <array>

namespace henge::persistence {

std::string_view RdbTypeName(uint8_t type) {
  static constexpr std::array<std::string_view, kRdbForms> kNames = {"string",
                                                                     "list",
                                                                     "set",
                                                                     "zset",
                                                                     "hash",
                                                                     "zset-2",
                                                                     "module",
                                                                     "module-2",
                                                                     "",
                                                                     "hash-zipmap",
                                                                     "list-ziplist",
                                                                     "set-intset",
                                                                     "zset-ziplist",
                                                                     "hash-ziplist",
                                                                     "quicklist",
                                                                     "stream",
                                                                     "hash-listpack",
                                                                     "zset-listpack",
                                                                     "quicklist-2",
                                                                     "stream-2",
                                                                     "set-listpack",
                                                                     "stream-3",
                                                                     "hash-ttl-rc",
                                                                     "hash-listpack-ttl-rc",
                                                                     "hash-ttl",
                                                                     "hash-listpack-ttl",
                                                                     "hash-ttl-valkey"};
  return type < kNames.size() && !kNames[type].empty() ? kNames[type] : "unknown";
}

}  // namespace henge::persistence
