// SPDX-License-Identifier: Apache-2.0
#include "store/encoding/listpack.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "store/encoding/find_bytes.h"

namespace henge::store {
namespace {

constexpr uint16_t kManyElements = 65535;  // The header's count from there on: unknown.

// Encoding bytes. The first four carry bits of the value or size.
constexpr uint8_t kUint7 = 0x00;   // 0vvvvvvv
constexpr uint8_t kText6 = 0x80;   // 10ssssss
constexpr uint8_t kInt13 = 0xc0;   // 110vvvvv vvvvvvvv
constexpr uint8_t kText12 = 0xe0;  // 1110ssss ssssssss
constexpr uint8_t kText32 = 0xf0;  // then four bytes of size
constexpr uint8_t kInt16 = 0xf1;
constexpr uint8_t kInt24 = 0xf2;
constexpr uint8_t kInt32 = 0xf3;
constexpr uint8_t kInt64 = 0xf4;

// All of the size class, which is the block's to grow into; sanitizers take that at its word.
void* Reallocate(void* block, size_t bytes) {
  void* moved = std::realloc(block, AllocationSize(bytes));
  if (moved == nullptr) std::abort();
  return moved;
}

template <class T>
void Store(uint8_t* p, T value) {
  std::memcpy(p, &value, sizeof(value));
}

bool IsInt13(uint8_t head) { return (head & 0xe0) == kInt13; }
bool IsText12(uint8_t head) { return (head & 0xf0) == kText12; }

// The first sixteen bytes of an element that is looked for, or all of it: what differs there is
// passed over without a call.
class Beginning {
 public:
  static constexpr size_t kBytes = 16;

  Beginning(const uint8_t* head, size_t head_size, std::string_view text) {
    uint8_t bytes[kBytes] = {};
    uint8_t mask[kBytes] = {};
    const size_t of_text = std::min(text.size(), kBytes - head_size);
    std::memcpy(bytes, head, head_size);
    if (of_text != 0) std::memcpy(bytes + head_size, text.data(), of_text);
    std::memset(mask, 0xff, head_size + of_text);
    std::memcpy(bytes_, bytes, kBytes);
    std::memcpy(mask_, mask, kBytes);
    whole_ = of_text == text.size();
  }

  bool IsWhole() const { return whole_; }  // There is nothing behind it to compare.
  // REQUIRES: kBytes can be read.
  bool StandsAt(const uint8_t* p) const {
    uint64_t found[2];
    std::memcpy(found, p, kBytes);
    return (((found[0] ^ bytes_[0]) & mask_[0]) | ((found[1] ^ bytes_[1]) & mask_[1])) == 0;
  }

 private:
  uint64_t bytes_[2];
  uint64_t mask_[2];
  bool whole_ = false;
};

std::optional<int64_t> AsInteger(std::string_view text) {
  if (text.empty() || text.size() > kInt64Chars) return std::nullopt;
  return ParseInt64(text);
}

}  // namespace

// --- Elements -----------------------------------------------------------------------------------

size_t Listpack::PayloadBytes(const uint8_t* p) {
  const uint8_t head = *p;
  if (head < kText6) return 1;
  if (head < kInt13) return 1 + (head & 0x3fu);
  if (IsInt13(head)) return 2;
  if (IsText12(head)) return 2 + ((head & 0x0fu) << 8 | p[1]);
  switch (head) {
    case kText32:
      return 5 + size_t{Load<uint32_t>(p + 1)};
    case kInt16:
      return 3;
    case kInt24:
      return 4;
    case kInt32:
      return 5;
    default:
      return 9;
  }
}

size_t Listpack::BackBytes(size_t payload) {
  if (payload <= 127) return 1;
  if (payload < 16383) return 2;
  if (payload < 2097151) return 3;
  return payload < 268435455 ? 4 : 5;
}

// The length in groups of seven bits, highest first; all but the first have the top bit set, so
// that it is read backwards.
uint8_t* Listpack::PutBack(uint8_t* p, size_t payload) {
  const size_t bytes = BackBytes(payload);
  for (size_t i = bytes; i-- > 0; payload >>= 7) {
    p[i] = static_cast<uint8_t>((payload & 127) | (i == 0 ? 0 : 128));
  }
  return p + bytes;
}

ListpackElement Listpack::Decode(const uint8_t* p) {
  const uint8_t head = *p;
  const auto text = [p](size_t skip, size_t size) {
    return ListpackElement{reinterpret_cast<const char*>(p) + skip, static_cast<uint32_t>(size), 0};
  };
  if (head < kText6) return {nullptr, 0, head};
  if (head < kInt13) return text(1, head & 0x3f);
  if (IsInt13(head)) {
    const int value = (head & 0x1f) << 8 | p[1];
    return {nullptr, 0, value >= 1 << 12 ? value - (1 << 13) : value};
  }
  if (IsText12(head)) return text(2, (head & 0x0fu) << 8 | p[1]);
  switch (head) {
    case kText32:
      return text(5, Load<uint32_t>(p + 1));
    case kInt16:
      return {nullptr, 0, Load<int16_t>(p + 1)};
    case kInt24:
      return {
          nullptr, 0,
          static_cast<int32_t>(uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24) >>
              8};
    case kInt32:
      return {nullptr, 0, Load<int32_t>(p + 1)};
    default:
      return {nullptr, 0, Load<int64_t>(p + 1)};
  }
}

// Small numbers and short texts are most of what there is.
inline const uint8_t* Listpack::Behind(const uint8_t* p) {
  const uint8_t head = *p;
  if (head < kText6) return p + 2;
  if (head < kInt13) return p + 2 + (head & 0x3f);
  return p + ElementBytes(p);
}

void Listpack::Finish(Encoded& encoded) {
  encoded.back_size = static_cast<uint8_t>(BackBytes(encoded.head_size + encoded.text.size()));
}

Listpack::Encoded Listpack::Encode(int64_t value) {
  Encoded e;
  const auto with_bytes = [&](uint8_t head, uint8_t bytes) {
    e.head[0] = head;
    std::memcpy(e.head + 1, &value, bytes);
    e.head_size = static_cast<uint8_t>(1 + bytes);
  };
  if (value >= 0 && value <= 127) {
    e.head[0] = static_cast<uint8_t>(kUint7 | value);
    e.head_size = 1;
  } else if (value >= -4096 && value <= 4095) {
    e.head[0] = static_cast<uint8_t>(kInt13 | (value >> 8 & 0x1f));
    e.head[1] = static_cast<uint8_t>(value);
    e.head_size = 2;
  } else if (value >= INT16_MIN && value <= INT16_MAX) {
    with_bytes(kInt16, 2);
  } else if (value >= -(1 << 23) && value < 1 << 23) {
    with_bytes(kInt24, 3);
  } else if (value >= INT32_MIN && value <= INT32_MAX) {
    with_bytes(kInt32, 4);
  } else {
    with_bytes(kInt64, 8);
  }
  Finish(e);
  return e;
}

Listpack::Encoded Listpack::EncodeText(std::string_view text) {
  Encoded e;
  e.text = text;
  if (text.size() < 64) {
    e.head[0] = static_cast<uint8_t>(kText6 | text.size());
    e.head_size = 1;
  } else if (text.size() < 4096) {
    e.head[0] = static_cast<uint8_t>(kText12 | text.size() >> 8);
    e.head[1] = static_cast<uint8_t>(text.size());
    e.head_size = 2;
  } else {
    e.head[0] = kText32;
    Store(e.head + 1, static_cast<uint32_t>(text.size()));
    e.head_size = 5;
  }
  Finish(e);
  return e;
}

Listpack::Encoded Listpack::Encode(std::string_view text) {
  if (const auto integer = AsInteger(text)) return Encode(*integer);
  return EncodeText(text);
}

size_t Listpack::BytesFor(std::string_view text) { return Encode(text).Bytes(); }

// --- Reading ------------------------------------------------------------------------------------

uint32_t Listpack::size() const {
  const auto count = Load<uint16_t>(block_ + 4);
  if (count != kManyElements) return count;
  uint32_t elements = 0;
  for (At at = First(); at != kNone; at = Next(at)) ++elements;
  return elements;
}

Listpack::At Listpack::Prev(At at) const {
  if (at <= kHeader) return kNone;
  size_t payload = 0;
  const uint8_t* p = block_ + at - 1;
  for (int shift = 0;; shift += 7, --p) {
    payload |= size_t{*p & 127u} << shift;
    if ((*p & 128) == 0) break;
  }
  return static_cast<At>(at - payload - BackBytes(payload));
}

Listpack::At Listpack::Seek(int64_t index) const {
  const auto known = Load<uint16_t>(block_ + 4);
  if (known != kManyElements) {
    if (index >= known || index < -int64_t{known}) return kNone;
    // From the nearer end.
    if (index >= 0 && index > known / 2)
      index -= known;
    else if (index < 0 && -index > known / 2)
      index += known;
  }
  if (index >= 0) {
    At at = First();
    while (at != kNone && index-- > 0) at = Next(at);
    return at;
  }
  At at = Last();
  while (at != kNone && ++index < 0) at = Prev(at);
  return at;
}

bool Listpack::Equals(At at, std::string_view text) const {
  const ListpackElement element = Get(at);
  if (!element.is_integer()) return std::string_view(element.data, element.size) == text;
  return AsInteger(text) == element.integer;
}

// An integer's text has one form only, and so has an element: equal ones look exactly alike.
inline bool Listpack::Matches(const uint8_t* p, const Encoded& wanted) {
  return *p == wanted.head[0] && std::memcmp(p, wanted.head, wanted.head_size) == 0 &&
         (wanted.text.empty() ||
          std::memcmp(p + wanted.head_size, wanted.text.data(), wanted.text.size()) == 0);
}

bool Listpack::Matches(At at, const Pattern& pattern) const {
  return Matches(block_ + at, pattern.encoded_);
}

Listpack::At Listpack::Find(std::string_view text, At from, uint32_t skip) const {
  if (from == kNone) return kNone;
  const Encoded wanted = Encode(text);
  const Beginning beginning(wanted.head, wanted.head_size, wanted.text);
  const uint8_t* const readable = block_ + bytes();
  for (const uint8_t* p = block_ + from; *p != kEnd;) {
    const bool near_end = readable - p < static_cast<std::ptrdiff_t>(Beginning::kBytes);
    if ((near_end || beginning.StandsAt(p)) &&
        ((!near_end && beginning.IsWhole()) || Matches(p, wanted))) {
      return static_cast<At>(p - block_);
    }
    p = Behind(p);
    for (uint32_t i = 0; i < skip && *p != kEnd; ++i) p = Behind(p);
  }
  return kNone;
}

std::string Listpack::Pattern::BytesOf(const Encoded& encoded) {
  constexpr size_t kEnough = 256;
  std::string bytes(reinterpret_cast<const char*>(encoded.head), encoded.head_size);
  bytes += encoded.text.substr(0, kEnough);
  return bytes;
}

bool Listpack::MayMatch(const Pattern& pattern) const {
  return HoldsBytes(view().substr(kHeader, End() - kHeader), pattern.bytes_);
}

uint32_t Listpack::CountMatches(const Pattern& pattern) const {
  uint32_t matches = 0;
  for (const uint8_t* p = block_ + kHeader; *p != kEnd; p += ElementBytes(p)) {
    if (Matches(p, pattern.encoded_)) ++matches;
  }
  return matches;
}

// --- Changing -----------------------------------------------------------------------------------

Listpack Listpack::New() {
  Listpack pack(Reallocate(nullptr, kHeader + 1));
  Store<uint32_t>(pack.block_, kHeader + 1);
  pack.SetCount(0);
  pack.block_[kHeader] = kEnd;
  return pack;
}

Listpack Listpack::Copy(std::string_view bytes) {
  Listpack pack(Reallocate(nullptr, bytes.size()));
  std::memcpy(pack.block_, bytes.data(), bytes.size());
  return pack;
}

void Listpack::SetCount(uint32_t count) {
  Store(block_ + 4, static_cast<uint16_t>(count < kManyElements ? count : kManyElements));
}

void Listpack::AddToCount(int64_t delta) {
  const auto count = Load<uint16_t>(block_ + 4);
  // What was once too many to tell stays so; size() counts.
  if (count != kManyElements) SetCount(static_cast<uint32_t>(count + delta));
}

void Listpack::Resize(At at, size_t old_bytes, size_t new_bytes) {
  const size_t old_total = bytes();
  const size_t total = old_total - old_bytes + new_bytes;
  const size_t tail = old_total - at - old_bytes;
  const bool moves = AllocationSize(total) != AllocationSize(old_total);
  if (moves && total > old_total) block_ = static_cast<uint8_t*>(Reallocate(block_, total));
  if (new_bytes != old_bytes) std::memmove(block_ + at + new_bytes, block_ + at + old_bytes, tail);
  if (moves && total < old_total) block_ = static_cast<uint8_t*>(Reallocate(block_, total));
  Store(block_, static_cast<uint32_t>(total));
}

void Listpack::Put(At at, const Encoded& encoded) {
  uint8_t* p = block_ + at;
  std::memcpy(p, encoded.head, encoded.head_size);
  p += encoded.head_size;
  if (!encoded.text.empty()) std::memcpy(p, encoded.text.data(), encoded.text.size());
  PutBack(p + encoded.text.size(), encoded.head_size + encoded.text.size());
}

Listpack::At Listpack::Splice(At at, size_t old_bytes, const Encoded& encoded) {
  // The text may stand in the very block that moves now.
  const auto* text = reinterpret_cast<const uint8_t*>(encoded.text.data());
  if (!encoded.text.empty() && text >= block_ && text < block_ + bytes()) {
    const std::string copy(encoded.text);
    Encoded safe = encoded;
    safe.text = copy;
    Resize(at, old_bytes, safe.Bytes());
    Put(at, safe);
    return at;
  }
  Resize(at, old_bytes, encoded.Bytes());
  Put(at, encoded);
  return at;
}

Listpack::At Listpack::Insert(At before, std::string_view text) {
  Splice(before, 0, Encode(text));
  AddToCount(1);
  return before;
}

Listpack::At Listpack::Insert(At before, int64_t value) {
  Splice(before, 0, Encode(value));
  AddToCount(1);
  return before;
}

Listpack::At Listpack::Replace(At at, std::string_view text) {
  return Splice(at, ElementBytes(block_ + at), Encode(text));
}

Listpack::At Listpack::Replace(At at, int64_t value) {
  return Splice(at, ElementBytes(block_ + at), Encode(value));
}

Listpack::At Listpack::Erase(At at, uint32_t count) {
  const uint8_t* p = block_ + at;
  uint32_t erased = 0;
  for (; erased < count && *p != kEnd; ++erased) p += ElementBytes(p);
  Resize(at, static_cast<size_t>(p - (block_ + at)), 0);
  AddToCount(-int64_t{erased});
  return Checked(at);
}

size_t Listpack::PrependInto(size_t room, std::string_view text) {
  const Encoded encoded = Encode(text);
  const size_t added = encoded.Bytes();
  if (added > room) return 0;
  std::memmove(block_ - added, block_, kHeader);
  block_ -= added;
  Put(kHeader, encoded);
  Store(block_, static_cast<uint32_t>(bytes() + added));
  AddToCount(1);
  return added;
}

size_t Listpack::EraseFirstInPlace() {
  const size_t erased = ElementBytes(block_ + kHeader);
  std::memmove(block_ + erased, block_, kHeader);
  block_ += erased;
  Store(block_, static_cast<uint32_t>(bytes() - erased));
  AddToCount(-1);
  return erased;
}

size_t Listpack::AppendInto(size_t room, std::string_view text) {
  const Encoded encoded = Encode(text);
  const size_t added = encoded.Bytes();
  if (added > room) return 0;
  const size_t total = bytes() + added;
  Put(End(), encoded);
  block_[total - 1] = kEnd;
  Store(block_, static_cast<uint32_t>(total));
  AddToCount(1);
  return added;
}

void Listpack::EraseLastInPlace() {
  const At last = Last();
  block_[last] = kEnd;
  Store(block_, last + 1);
  AddToCount(-1);
}

void Listpack::Append(const ListpackRun& run) {
  const At end = End();
  Resize(end, 0, run.size_);
  std::memcpy(block_ + end, run.bytes_, run.size_);
  AddToCount(run.count_);
}

void ListpackRun::Grow(size_t more) {
  const size_t capacity = 2 * (capacity_ + more);
  auto* bytes = static_cast<uint8_t*>(Reallocate(bytes_ == small_ ? nullptr : bytes_, capacity));
  if (bytes_ == small_) std::memcpy(bytes, small_, size_);
  bytes_ = bytes;
  capacity_ = capacity;
}

void ListpackRun::Put(const Listpack::Encoded& encoded) {
  const size_t more = encoded.Bytes();
  if (size_ + more + sizeof(encoded.head) > capacity_) Grow(more + sizeof(encoded.head));
  uint8_t* p = bytes_ + size_;
  std::memcpy(p, encoded.head, sizeof(encoded.head));
  p += encoded.head_size;
  if (!encoded.text.empty()) std::memcpy(p, encoded.text.data(), encoded.text.size());
  Listpack::PutBack(p + encoded.text.size(), encoded.head_size + encoded.text.size());
  size_ += more;
  ++count_;
}

uint32_t Listpack::EraseMatches(const Pattern& pattern, uint32_t skip, uint32_t limit) {
  const size_t old_total = bytes();
  uint8_t* out = block_ + kHeader;  // Behind what is kept.
  const uint8_t* kept = out;        // What is not yet moved there begins here.
  uint32_t erased = 0;
  const uint8_t* p = kept;
  while (*p != kEnd && erased < limit) {
    const uint8_t* next = p + ElementBytes(p);
    const bool matches = Matches(p, pattern.encoded_);
    if (matches && skip > 0) {
      --skip;
    } else if (matches) {
      std::memmove(out, kept, static_cast<size_t>(p - kept));
      out += p - kept;
      kept = next;
      ++erased;
    }
    p = next;
  }
  const auto rest = static_cast<size_t>(block_ + old_total - kept);
  std::memmove(out, kept, rest);
  const auto total = static_cast<size_t>(out - block_) + rest;
  if (AllocationSize(total) != AllocationSize(old_total)) {
    block_ = static_cast<uint8_t*>(Reallocate(block_, total));
  }
  Store(block_, static_cast<uint32_t>(total));
  AddToCount(-int64_t{erased});
  return erased;
}

void Listpack::Concatenate(const Listpack& other) {
  const size_t more = other.bytes() - kHeader - 1;
  const uint32_t count = size() + other.size();
  const At end = End();
  Resize(end, 0, more);
  std::memcpy(block_ + end, other.block_ + kHeader, more);
  SetCount(count);
}

Listpack Listpack::Split(At at) {
  Listpack tail = New();
  const size_t more = bytes() - at - 1;
  tail.Resize(kHeader, 0, more);
  std::memcpy(tail.block_ + kHeader, block_ + at, more);
  tail.SetCount(kManyElements);
  const uint32_t moved = tail.size();
  tail.SetCount(moved);
  const uint32_t before = size();
  Resize(at, more, 0);
  SetCount(before - moved);
  return tail;
}

// --- From outside -------------------------------------------------------------------------------

// The bytes of the element at `p`, its backward length included and checked; nothing where it does
// not fit before `end` or contradicts itself.
std::optional<size_t> Listpack::CheckElement(const uint8_t* p, const uint8_t* end) {
  const auto left = static_cast<size_t>(end - p);
  const uint8_t head = *p;
  size_t head_bytes = 1;
  if (head >= kInt13 && !IsInt13(head) && !IsText12(head)) {
    if (head > kInt64) return std::nullopt;
    if (head == kText32) head_bytes = 5;
  } else if (head >= kInt13) {
    head_bytes = 2;
  }
  if (head_bytes > left) return std::nullopt;
  const size_t payload = PayloadBytes(p);
  const size_t back = BackBytes(payload);
  if (payload > left || back > left - payload) return std::nullopt;
  uint8_t expected[5];
  PutBack(expected, payload);
  if (std::memcmp(p + payload, expected, back) != 0) return std::nullopt;
  return payload + back;
}

std::optional<uint32_t> Listpack::Validate(std::string_view bytes) {
  if (bytes.size() < kHeader + 1 || bytes.size() >= kMaxBytes) return std::nullopt;
  const auto* block = reinterpret_cast<const uint8_t*>(bytes.data());
  const uint8_t* end = block + bytes.size() - 1;  // At the end mark.
  if (Load<uint32_t>(block) != bytes.size() || *end != kEnd) return std::nullopt;
  uint32_t count = 0;
  for (const uint8_t* p = block + kHeader; p != end; ++count) {
    const auto size = CheckElement(p, end);
    if (!size) return std::nullopt;
    p += *size;
  }
  const auto stated = Load<uint16_t>(block + 4);
  if (stated != kManyElements && stated != count) return std::nullopt;
  return count;
}

}  // namespace henge::store
