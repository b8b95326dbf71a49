// SPDX-License-Identifier: Apache-2.0
// Beats, answers and requests for failovers as the messages of proto/henge/judge.proto. Pure; any
// thread. What is read may come from anybody: sizes and every number are checked, and a message
// with a fault in it is refused whole.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>

#include "cluster/failover/beat.h"

namespace henge::bus {
class LifeBeat;
class LifeAnswer;
class FailoverRequest;
class FailoverReply;
}  // namespace henge::bus

namespace henge::cluster {

inline constexpr size_t kMaxBeatBytes = 1 << 20;           // A beat, or an answer.
inline constexpr uint32_t kMaxHandoverMs = 24 * 3600'000;  // That anybody may ask for.

struct FailoverQuestion {
  enum class Kind : uint8_t { kHandOver, kForce };
  Kind kind = Kind::kHandOver;
  GroupId group;
  NodeId to;
  int64_t timeout_ms = 0;
};

void Write(const NodeBeat& beat, bus::LifeBeat& out);
absl::StatusOr<NodeBeat> Read(const bus::LifeBeat& in);

void Write(const BeatAnswer& answer, bus::LifeAnswer& out);
absl::StatusOr<BeatAnswer> Read(const bus::LifeAnswer& in);

void Write(const FailoverQuestion& question, bus::FailoverRequest& out);
absl::StatusOr<FailoverQuestion> Read(const bus::FailoverRequest& in);

// An outcome: its code and its first kMaxText bytes of text.
void Write(const absl::Status& outcome, bus::FailoverReply& out);
absl::Status Read(const bus::FailoverReply& in);

}  // namespace henge::cluster
