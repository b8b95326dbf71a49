// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/membership.h"

#include <algorithm>
#include <utility>

#include "cluster/consensus/byte_codec.h"

namespace henge::consensus {

Membership::Membership(std::vector<Member> members) : members_(std::move(members)) {
  std::ranges::sort(members_, {}, &Member::id);
}

const Member* Membership::Find(PeerId id) const {
  const auto at = std::ranges::lower_bound(members_, id, {}, &Member::id);
  return at != members_.end() && at->id == id ? &*at : nullptr;
}

bool Membership::IsVoter(PeerId id) const {
  const Member* member = Find(id);
  return member != nullptr && member->voter;
}

size_t Membership::voters() const {
  return static_cast<size_t>(std::ranges::count_if(members_, &Member::voter));
}

std::optional<Membership> Membership::After(const MembershipChange& change) const {
  const Member* member = Find(change.id);
  std::vector<Member> next = members_;
  switch (change.kind) {
    case MembershipChange::Kind::kAddLearner:
      if (member != nullptr || change.id == kNobody || members_.size() >= kMaxMembers ||
          change.address.size() > kMaxAddress)
        return std::nullopt;
      next.push_back({change.id, false, change.address});
      break;
    case MembershipChange::Kind::kPromote:
      if (member == nullptr || member->voter) return std::nullopt;
      next[static_cast<size_t>(member - members_.data())].voter = true;
      break;
    case MembershipChange::Kind::kRemove:
      if (member == nullptr || (member->voter && voters() == 1)) return std::nullopt;
      next.erase(next.begin() + (member - members_.data()));
      break;
    case MembershipChange::Kind::kDemote:
      if (member == nullptr || !member->voter || voters() == 1) return std::nullopt;
      next[static_cast<size_t>(member - members_.data())].voter = false;
      break;
  }
  return Membership(std::move(next));
}

std::string Membership::Encode() const {
  ByteWriter out;
  out.Number(members_.size());
  for (const Member& member : members_) {
    out.Number(member.id);
    out.Byte(member.voter ? 1 : 0);
    out.Text(member.address);
  }
  return std::move(out).Take();
}

std::optional<Membership> Membership::Decode(std::string_view bytes) {
  ByteReader in(bytes);
  const uint64_t count = in.Number();
  if (count > kMaxMembers) return std::nullopt;
  std::vector<Member> members;
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    Member member;
    member.id = in.Number();
    const uint8_t voter = in.Byte();
    member.address = in.Text(kMaxAddress);
    if (voter > 1 || member.id <= (i == 0 ? kNobody : members.back().id)) return std::nullopt;
    member.voter = voter == 1;
    members.push_back(std::move(member));
  }
  if (!in.AtEnd()) return std::nullopt;
  return Membership(std::move(members));
}

}  // namespace henge::consensus
