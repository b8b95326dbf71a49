// SPDX-License-Identifier: Apache-2.0
// Digest: the fingerprint of data that DEBUG DIGEST and DIGEST-VALUE show, the same as Redis's for
// the same data, however it is encoded. Made of SHA-1 in two ways: `Xor` where order does not
// matter (keys of a database, members of a set), `Mix` where it does.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "store/entry.h"
#include "store/stream/stream.h"

namespace henge::commands {

class Digest {
 public:
  void Xor(std::string_view bytes);  // digest ^= SHA1(bytes)
  void Xor(const Digest& other) { Xor(other.view()); }
  void Mix(std::string_view bytes);  // digest = SHA1(digest ^ SHA1(bytes))
  void MixNumber(uint32_t number);   // As four bytes, the highest first.
  // The value's type, content, and whether it has a deadline.
  void AddValue(const store::Entry& entry);
  std::string Hex() const;

 private:
  void AddString(const store::Entry& entry);
  void AddList(const store::Entry& entry);
  void AddSet(const store::Entry& entry);
  void AddHash(const store::Entry& entry);
  void AddSortedSet(const store::Entry& entry);
  void AddStream(const store::Stream& stream);
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  std::array<uint8_t, 20> bytes_{};
};

}  // namespace henge::commands
