// SPDX-License-Identifier: Apache-2.0
// What Henge's nodes say to each other in a replication stream, as plain values: so that those who
// say it know no gRPC. proto/henge/replication.proto says what the fields mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "replication/history.h"

namespace henge::replication {

inline constexpr uint32_t kStreamVersion = 1;
// No message has more data.
inline constexpr size_t kMostStreamBytes = 1 << 20;

struct StreamHello {
  uint32_t version = kStreamVersion;
  std::string token;
  std::string group;
  uint64_t epoch = 0;
  std::string history_id;
  int64_t next_offset = 0;
  std::vector<EarlierName> earlier;  // Of that history.
  int rdb_version = 0;
  int port = 0;
  std::string address;
  std::string node;  // In the cluster; empty: there is none.
};

struct StreamAcknowledgement {
  int64_t received = 0;
  int64_t applied = 0;
  int64_t durable = -1;  // -1: there is no file.
};

struct StreamPartial {
  std::string history_id;
  uint64_t epoch = 0;
  int64_t end = 0;                   // Of the leader's history, when it said so.
  std::vector<EarlierName> earlier;  // Of the leader's history.
};
struct StreamFull {
  std::string history_id;
  int64_t offset = 0;
  uint64_t snapshot = 0;
  uint64_t epoch = 0;
  int64_t common = -1;  // How much of the follower's history is the leader's; -1: not known.
  std::vector<EarlierName> earlier;  // Of the leader's history.
};
struct StreamRecords {
  int64_t offset = 0;
  std::string data;
  uint64_t epoch = 0;
};
struct StreamAlive {
  uint64_t epoch = 0;
};
using LeaderSaid = std::variant<StreamPartial, StreamFull, StreamRecords, StreamAlive>;

}  // namespace henge::replication
