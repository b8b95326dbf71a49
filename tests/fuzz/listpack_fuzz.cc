// SPDX-License-Identifier: Apache-2.0
// Any bytes as a listpack: what Validate takes must bear every operation. The input's first part is
// the block, with its total put right so that more is taken; the rest chooses operations, and what
// they leave must be valid again and hold as many elements as they say.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "store/encoding/listpack.h"

namespace {

using henge::store::Listpack;
using henge::store::ListpackElement;

void Require(bool sound) {
  if (!sound) std::abort();
}

std::string TextAt(const Listpack& pack, Listpack::At at) {
  ListpackElement::Digits digits;
  return std::string(pack.Get(at).Text(digits));
}

// Walks both ways; returns how many elements there are.
uint32_t Walk(const Listpack& pack) {
  uint32_t forwards = 0;
  size_t bytes = 0;
  for (auto at = pack.First(); at != Listpack::kNone; at = pack.Next(at)) {
    bytes += TextAt(pack, at).size();
    ++forwards;
  }
  uint32_t backwards = 0;
  for (auto at = pack.empty() ? Listpack::kNone : pack.Last(); at != Listpack::kNone;
       at = pack.Prev(at)) {
    bytes -= TextAt(pack, at).size();
    ++backwards;
  }
  Require(forwards == backwards && bytes == 0);
  return forwards;
}

void Check(const Listpack& pack, uint32_t expected) {
  Require(Listpack::Validate(pack.view()) == expected);
  Require(pack.size() == expected && Walk(pack) == expected);
}

class Input {
 public:
  explicit Input(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  uint32_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string Text() {
    const uint32_t kind = Byte();
    if (kind < 64) return std::to_string(static_cast<int64_t>(Byte()) << kind);
    if (kind > 250) return std::string(kind * 20, 'x');
    const std::string text(bytes_.substr(0, kind - 64));
    bytes_.remove_prefix(text.size());
    return text;
  }

 private:
  std::string_view bytes_;
};

void Change(Listpack& pack, uint32_t& count, Input& in) {
  const uint32_t operation = in.Byte() % 9;
  const std::string text = in.Text();
  const auto at =
      count == 0 ? Listpack::kNone : pack.Seek(static_cast<int64_t>(in.Byte() % count));
  switch (operation) {
    case 0:
      return pack.Append(text), ++count, void();
    case 1:
      return pack.Prepend(text), ++count, void();
    case 2:
      return pack.Insert(at == Listpack::kNone ? pack.End() : at, text), ++count, void();
    case 3:
      if (at != Listpack::kNone) Require(TextAt(pack, pack.Replace(at, text)) == text);
      return;
    case 4: {
      if (at == Listpack::kNone) return;
      const uint32_t wanted = 1 + in.Byte() % 4;
      pack.Erase(at, wanted);
      const uint32_t left = Walk(pack);
      Require(left < count && count - left <= wanted);
      count = left;
      return;
    }
    case 5: {
      const Listpack::Pattern pattern(text);
      const uint32_t matches = pack.CountMatches(pattern);
      const uint32_t skip = in.Byte() % 3;
      const uint32_t erased = pack.EraseMatches(pattern, skip, UINT32_MAX);
      Require(erased == (matches < skip ? 0 : matches - skip));
      count -= erased;
      return;
    }
    case 6: {
      if (at == Listpack::kNone) return;
      Listpack tail = pack.Split(at);
      Require(Walk(pack) + Walk(tail) == count);
      pack.Concatenate(tail);
      std::free(tail.block());
      return;
    }
    case 7: {
      const auto found = pack.Find(text, pack.First(), in.Byte() % 2);
      if (found != Listpack::kNone) Require(pack.Equals(found, text));
      return;
    }
    default:
      if (at != Listpack::kNone) pack.Insert(at, std::string(TextAt(pack, at))), ++count;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  std::string input(reinterpret_cast<const char*>(data), size);
  const size_t block_size = input[0] == 0 ? size - 1 : static_cast<uint8_t>(input[0]) % size;
  std::string block = input.substr(1, block_size);
  if (block.size() >= 7) {
    const auto total = static_cast<uint32_t>(block.size());
    std::memcpy(block.data(), &total, sizeof(total));
    block.back() = '\xff';
  }
  const auto stated = Listpack::Validate(block);
  if (!stated) return 0;
  uint32_t count = *stated;
  Listpack pack = Listpack::Copy(block);
  Check(pack, count);
  Input in(std::string_view(input).substr(1 + block.size()));
  for (int i = 0; i < 50 && !in.empty(); ++i) {
    Change(pack, count, in);
    Check(pack, count);
  }
  std::free(pack.block());
  return 0;
}
