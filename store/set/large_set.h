// SPDX-License-Identifier: Apache-2.0
// LargeSet: a set's table form, "hashtable". Each member is one allocation, its size and its bytes:
//
//   +------+-----------+-----------+
//   | size | (size 4)  | the bytes |
//   +------+-----------+-----------+
//     1 B    when the byte is 255
//
// Not thread-safe; the shard's lock is held around every use.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/memory.h"
#include "store/key.h"
#include "store/table.h"

namespace henge::store {

// Never made but by New: the object is the first byte of its bytes.
class SetMember {
 public:
  static SetMember* New(std::string_view bytes);
  static void Free(SetMember* member) { std::free(member); }

  std::string_view bytes() const {
    const char* at = reinterpret_cast<const char*>(this);
    const auto size = static_cast<unsigned char>(*at);
    if (size != kWide) return {at + 1, size};
    uint32_t wide;
    std::memcpy(&wide, at + 1, 4);
    return {at + 5, wide};
  }
  size_t MemoryBytes() const { return AllocationSize(RequestFor(bytes().size())); }

  SetMember() = delete;

 private:
  static constexpr size_t kWide = 255;
  static size_t RequestFor(size_t size) { return 1 + (size < kWide ? 0 : 4) + size; }
};

struct SetMemberTraits {
  using Item = SetMember;
  static std::string_view Key(const SetMember* member) { return member->bytes(); }
  static uint64_t Hash(std::string_view bytes) { return HashKey(bytes); }
};

class LargeSet {
 public:
  using MemberTable = Table<SetMemberTraits>;

  LargeSet() = default;
  ~LargeSet() { members_.Clear(SetMember::Free); }
  LargeSet(const LargeSet&) = delete;
  LargeSet& operator=(const LargeSet&) = delete;
  LargeSet* Clone() const;

  size_t size() const { return members_.size(); }
  size_t MemoryBytes() const {
    return AllocationSize(sizeof(LargeSet)) + members_.MemoryBytes() + member_bytes_;
  }
  const MemberTable& members() const { return members_; }
  void Reserve(size_t count) { members_.Reserve(count); }  // REQUIRES: empty.

  bool Contains(std::string_view bytes) const {
    return members_.Find(bytes, HashKey(bytes)) != nullptr;
  }
  bool Add(std::string_view bytes);  // Whether it is new.
  // Takes the member over. REQUIRES: its bytes are absent.
  void Insert(SetMember* member, uint64_t hash) {
    member_bytes_ += member->MemoryBytes();
    members_.Insert(member, hash);
  }
  // Gives the member away; null if there is none.
  SetMember* Take(std::string_view bytes);
  bool Remove(std::string_view bytes);

 private:
  MemberTable members_;
  size_t member_bytes_ = 0;
};

}  // namespace henge::store
