// SPDX-License-Identifier: Apache-2.0
// UnitIntake: the bytes of a leader's stream into the store: cut into units, which the lanes
// apply. One thread at a time; it waits until what was taken is applied.
#pragma once

#include <absl/status/status.h>

#include <string_view>
#include <utility>

#include "replication/unit_reader.h"
#include "server/replication/apply_batch.h"

namespace henge::server {

class Node;

class UnitIntake {
 public:
  // `link`: whose stream it is (Replication::IsCurrent).
  UnitIntake(Node& node, uint64_t link);

  absl::Status Take(std::string_view bytes);
  // Whether the leader asked for an acknowledgement in what was taken since the last call.
  bool TakeRequest() { return std::exchange(asked_, false); }

 private:
  Node& node_;
  const uint64_t link_;
  replication::UnitReader reader_;
  replication::StreamUnit unit_;
  ApplyBatch batch_;
  bool asked_ = false;
};

}  // namespace henge::server
