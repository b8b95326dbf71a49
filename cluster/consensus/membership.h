// SPDX-License-Identifier: Apache-2.0
// Membership: who takes part in consensus, and how that may change. A value; any thread.
//
// It changes by one voter at a time, so that any majority before meets any majority after (Ongaro's
// dissertation, 4.1). Newcomers begin as learners, who receive entries but count in no majority.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace henge::consensus {

using Index = uint64_t;
using PeerId = uint64_t;
inline constexpr PeerId kNobody = 0;

struct Member {
  PeerId id = kNobody;
  bool voter = true;
  std::string address = {};  // Where transport finds it; means nothing here.
  bool operator==(const Member&) const = default;
};

struct MembershipChange {
  enum class Kind : uint8_t { kAddLearner, kPromote, kRemove, kDemote };
  Kind kind = Kind::kAddLearner;
  PeerId id = kNobody;
  std::string address = {};
};

class Membership {
 public:
  static constexpr size_t kMaxMembers = 4096;
  static constexpr size_t kMaxAddress = 512;

  Membership() = default;
  // Sorts them. Ids must be unique and not kNobody.
  explicit Membership(std::vector<Member> members);

  const std::vector<Member>& members() const { return members_; }
  bool Contains(PeerId id) const { return Find(id) != nullptr; }
  bool IsVoter(PeerId id) const;
  size_t voters() const;
  size_t Quorum() const { return voters() / 2 + 1; }

  // What it is after the change; nothing if the change makes no sense: an id that is there or is
  // not, a voter promoted again, the last voter removed.
  std::optional<Membership> After(const MembershipChange& change) const;

  // As entries and snapshots carry it. Decode refuses what Encode can't have written.
  std::string Encode() const;
  static std::optional<Membership> Decode(std::string_view bytes);

  bool operator==(const Membership&) const = default;

 private:
  const Member* Find(PeerId id) const;
  std::vector<Member> members_;  // By id.
};

}  // namespace henge::consensus
