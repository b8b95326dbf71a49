// SPDX-License-Identifier: Apache-2.0
// FollowerProtocol: what a follower says to a leader that speaks Redis's protocol, and what it
// makes of the answers. A state machine without I/O: it is given bytes, and has bytes to send.
//
//   PING ─ AUTH ─ REPLCONF … ─ PSYNC ──┬─ +FULLRESYNC ─> payload (an RDB) ─┐
//                      │               └─ +CONTINUE ───────────────────────┴─> stream
//                      └─ +STREAM port token (a Henge) ─> another way
//
// One thread.
#pragma once

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replication/history.h"

namespace henge::replication {

struct FollowerIntroduction {
  std::string user;  // Empty: none;
  std::string password;
  int port = 0;         // Of this node, as others reach it.
  std::string address;  // Empty: as the leader sees it.
  // What is here already: the history's id, and the next byte's offset. Empty: nothing.
  std::string history_id;
  int64_t next_offset = -1;
  std::vector<EarlierName> earlier;  // For a stream.
  bool failover = false;             // The other one is asked to lead.
  bool wants_stream = false;         // If the leader is a Henge, a stream between Henges;
  bool stream_only = false;          // if it gives none, nothing.
};

class FollowerProtocol {
 public:
  // kInvited: there is nothing more to say here, as there is a better way.
  enum class Phase : uint8_t { kHandshake, kInvited, kWaiting, kPayload, kStream };

  // Where a Henge serves streams, and the token for one.
  struct Invitation {
    int port = 0;
    std::string token;
  };
  // REQUIRES: invited.
  const Invitation& invitation() const { return invitation_; }

  // Who hears what the leader sends.
  class Listener {
   public:
    virtual ~Listener() = default;
    // All data is to be replaced by the payload that follows, after which `offset` bytes of the
    // history have been seen.
    virtual absl::Status OnFullSync(std::string_view history_id, int64_t offset) = 0;
    // The stream goes on where it ended; `history_id` may be another name of it.
    virtual absl::Status OnContinue(std::string_view history_id) = 0;
    // `total` is -1 where the leader doesn't know it.
    virtual absl::Status OnPayload(std::string_view bytes, int64_t total) = 0;
    virtual absl::Status OnPayloadEnd() = 0;
    virtual absl::Status OnStream(std::string_view bytes) = 0;
  };

  explicit FollowerProtocol(FollowerIntroduction introduction);

  // To be sent now; empty: nothing.
  std::string TakeOutput() { return std::exchange(output_, {}); }
  // What has come. kUnavailable: the leader can't serve now; kPermissionDenied: it will not;
  // anything else: what it says makes no sense, or the listener's own.
  absl::Status Receive(std::string_view bytes, Listener& listener);
  Phase phase() const { return phase_; }

 private:
  // Questions that are answered by one line each, in this order.
  enum class Step : uint8_t {
    kPing,
    kAuth,
    kPort,
    kAddress,
    kCapabilities,
    kStream,
    kPsync,
    kDone
  };

  void Ask(Step step);
  absl::Status OnLine(std::string_view line, Listener& listener);
  absl::Status OnAnswer(std::string_view line);
  absl::Status OnStreamAnswer(std::string_view line);
  absl::Status OnPsyncAnswer(std::string_view line, Listener& listener);
  absl::Status OnPayloadHead(std::string_view line);
  absl::Status TakePayload(std::string_view& bytes, Listener& listener);

  const FollowerIntroduction introduction_;
  Phase phase_ = Phase::kHandshake;
  Step step_ = Step::kPing;
  Invitation invitation_;
  std::string output_;
  std::string line_;        // The beginning of an incomplete one.
  int64_t remaining_ = -1;  // Of the payload, if its length is known.
  int64_t total_ = -1;
  std::string end_mark_;  // What ends it, if not.
  std::string tail_;      // As many bytes of the payload, which may be the mark.
};

}  // namespace henge::replication
