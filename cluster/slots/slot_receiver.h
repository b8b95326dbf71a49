// SPDX-License-Identifier: Apache-2.0
// The target's end of a slot migration's stream: the gRPC service of the bus, which knows how words
// are said, and an interface for who takes the keys.
//
// A stream has one thread, gRPC's, which runs the receiver.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/node_id.h"

namespace grpc {
class Service;
}

namespace henge::cluster {

inline constexpr uint32_t kSlotTransferVersion = 1;
inline constexpr size_t kMostTransferBytes = size_t{1} << 20;  // Of records, in one message.

struct SlotTransferOpening {
  std::string migration;
  NodeId source;
  uint64_t topology = 0;  // The version in which the source saw the migration.
};

// What the source says next.
struct SlotTransferSaid {
  bool settle = false;
  std::string_view records;  // Else; good until the next Read.
};

class SlotTransferStream {
 public:
  virtual ~SlotTransferStream() = default;
  // Waits. Nothing: the stream is over, or damaged.
  virtual std::optional<SlotTransferSaid> Read() = 0;
  // False: the stream is over.
  virtual bool SayReady() = 0;
  virtual bool SayApplied(uint64_t bytes) = 0;
  virtual bool SaySettled() = 0;
  // Any thread: whether the source has gone, and to make an end.
  virtual bool IsOver() const = 0;
  virtual void Cancel() = 0;
};

class SlotReceiver {
 public:
  virtual ~SlotReceiver() = default;
  // Returns when the stream is over; the status is told to the source.
  virtual absl::Status OnTransfer(const SlotTransferOpening& opening,
                                  SlotTransferStream& stream) = 0;
};

// The receiver outlives the service.
std::shared_ptr<grpc::Service> MakeSlotTransferService(SlotReceiver& receiver);

}  // namespace henge::cluster
