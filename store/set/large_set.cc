// SPDX-License-Identifier: Apache-2.0
#include "store/set/large_set.h"

#include "base/strings.h"

namespace henge::store {

SetMember* SetMember::New(std::string_view bytes) {
  auto* at = static_cast<char*>(std::malloc(RequestFor(bytes.size())));
  if (at == nullptr) std::abort();
  auto* member = reinterpret_cast<SetMember*>(at);
  if (bytes.size() < kWide) {
    *at++ = static_cast<char>(bytes.size());
  } else {
    *at++ = static_cast<char>(kWide);
    const auto size = static_cast<uint32_t>(bytes.size());
    std::memcpy(at, &size, 4);
    at += 4;
  }
  CopyBytes(at, bytes);
  return member;
}

LargeSet* LargeSet::Clone() const {
  auto* clone = new LargeSet;
  clone->members_.CopyFrom(members_,
                           [](const SetMember* member) { return SetMember::New(member->bytes()); });
  clone->member_bytes_ = member_bytes_;
  return clone;
}

bool LargeSet::Add(std::string_view bytes) {
  const uint64_t hash = HashKey(bytes);
  if (members_.Find(bytes, hash) != nullptr) return false;
  Insert(SetMember::New(bytes), hash);
  return true;
}

SetMember* LargeSet::Take(std::string_view bytes) {
  SetMember* member = members_.Erase(bytes, HashKey(bytes));
  if (member != nullptr) member_bytes_ -= member->MemoryBytes();
  return member;
}

bool LargeSet::Remove(std::string_view bytes) {
  SetMember* member = Take(bytes);
  SetMember::Free(member);
  return member != nullptr;
}

}  // namespace henge::store
