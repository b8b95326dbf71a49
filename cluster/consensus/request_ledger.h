// SPDX-License-Identifier: Apache-2.0
// RequestLedger: which numbered requests were applied, so that a proposal sent again is applied at
// most once. A part of the replicated state: a pure function of the committed entries, carried by
// snapshots. A value; any thread.
//
// A proposer opens a session (an entry; its index is the session's number, so no two are the same)
// and numbers its requests from 1. Each tells `done_below`: what is below it is settled and will
// not be sent again, which keeps a session as small as what its proposer has under way. Beyond
// kMaxSessions the one idle for longest ends; a request of a session that ended, or never was, is
// not applied, and its proposer opens another. (Ongaro's dissertation, 6.3.)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace henge::consensus {

struct RequestId {
  uint64_t session = 0;  // 0: not numbered; it may be applied twice.
  uint64_t sequence = 0;
  uint64_t done_below = 0;
  bool operator==(const RequestId&) const = default;
  bool SameAs(const RequestId& other) const {
    return session == other.session && sequence == other.sequence;
  }
};

enum class Fate : uint8_t { kApply, kDuplicate, kExpired };

class RequestLedger {
 public:
  static constexpr size_t kMaxSessions = 1024;
  static constexpr size_t kMaxUnsettled = 4096;  // Requests of a session above its done_below.

  // What becomes of such a request now.
  Fate FateOf(const RequestId& request) const;
  // A committed entry with that request, at that index; gives its fate and remembers it.
  Fate Take(const RequestId& request, uint64_t index);
  void Open(uint64_t index);

  size_t sessions() const { return sessions_.size(); }
  std::string Encode() const;
  static std::optional<RequestLedger> Decode(std::string_view bytes);
  bool operator==(const RequestLedger&) const = default;

 private:
  struct Session {
    uint64_t settled_below = 1;
    uint64_t used = 0;  // Index of its last entry.
    std::set<uint64_t> applied;
    bool operator==(const Session&) const = default;
  };
  std::map<uint64_t, Session> sessions_;
};

}  // namespace henge::consensus
