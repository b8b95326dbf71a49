// SPDX-License-Identifier: Apache-2.0
// The earlier names of a history, on a stream. At most kMostEarlierNames count, whoever tells more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "henge/replication.pb.h"
#include "replication/history.h"

namespace henge::replication {

using PastNames = google::protobuf::RepeatedPtrField<PastName>;

inline void WriteNames(const std::vector<EarlierName>& names, PastNames& out) {
  for (const EarlierName& name : names) {
    PastName& written = *out.Add();
    written.set_history_id(name.id);
    written.set_end(static_cast<uint64_t>(name.end));
  }
}

inline std::vector<EarlierName> ReadNames(const PastNames& in) {
  std::vector<EarlierName> names;
  for (const PastName& name : in) {
    if (names.size() == kMostEarlierNames) break;
    names.push_back({name.history_id(), static_cast<int64_t>(name.end())});
  }
  return names;
}

}  // namespace henge::replication
