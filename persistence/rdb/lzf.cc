// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/lzf.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

namespace henge::persistence {
namespace {

constexpr size_t kMaxLiteral = 32;
constexpr size_t kMaxOffset = 8192;
constexpr size_t kMaxCopy = 264;
constexpr size_t kMinCopy = 3;

// Where three bytes were last seen. Places of one input are counted on from those of the inputs
// before it, so the table is never cleared but when the count comes round.
class Places {
 public:
  void Begin(size_t size) {
    if (next_ + size > UINT32_MAX) {
      std::memset(seen_.get(), 0, kSize * sizeof(uint32_t));
      next_ = 1;
    }
    base_ = next_;
    next_ += size;
  }
  // Notes that the bytes stand at `at`; returns how far back they stood before, 0 if not in reach.
  size_t Note(uint32_t three, size_t at) {
    uint32_t& place = seen_[(three * 0x9e3779b1u) >> (32 - kBits)];
    const uint64_t here = base_ + at;
    const uint64_t before = place;
    place = static_cast<uint32_t>(here);
    return before >= base_ && here - before <= kMaxOffset ? here - before : 0;
  }

 private:
  static constexpr int kBits = 14;
  static constexpr size_t kSize = size_t{1} << kBits;
  std::unique_ptr<uint32_t[]> seen_ = std::make_unique<uint32_t[]>(kSize);
  uint64_t base_ = 1;
  uint64_t next_ = 1;
};

uint32_t Load3(const uint8_t* p) { return p[0] | p[1] << 8 | uint32_t{p[2]} << 16; }

class Output {
 public:
  Output(char* out, size_t capacity)
      : begin_(reinterpret_cast<uint8_t*>(out)), at_(begin_), end_(begin_ + capacity) {}
  size_t size() const { return static_cast<size_t>(at_ - begin_); }

  bool Literals(const uint8_t* from, const uint8_t* to) {
    while (from < to) {
      const size_t count = std::min(kMaxLiteral, static_cast<size_t>(to - from));
      if (static_cast<size_t>(end_ - at_) < count + 1) return false;
      *at_++ = static_cast<uint8_t>(count - 1);
      std::memcpy(at_, from, count);
      at_ += count;
      from += count;
    }
    return true;
  }
  bool Copy(size_t back, size_t count) {
    if (end_ - at_ < 3) return false;
    const size_t offset = back - 1;
    const size_t length = count - 2;
    if (length < 7) {
      *at_++ = static_cast<uint8_t>(length << 5 | offset >> 8);
    } else {
      *at_++ = static_cast<uint8_t>(7 << 5 | offset >> 8);
      *at_++ = static_cast<uint8_t>(length - 7);
    }
    *at_++ = static_cast<uint8_t>(offset);
    return true;
  }

 private:
  uint8_t* begin_;
  uint8_t* at_;
  uint8_t* end_;
};

size_t CommonPrefix(const uint8_t* a, const uint8_t* b, size_t most) {
  size_t n = 0;
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

}  // namespace

std::optional<size_t> LzfCompress(std::string_view bytes, char* out, size_t capacity) {
  static thread_local Places places;
  places.Begin(bytes.size());
  const auto* in = reinterpret_cast<const uint8_t*>(bytes.data());
  const size_t size = bytes.size();
  Output output(out, capacity);
  size_t literals = 0;  // Where those begin that are not yet written.
  size_t at = 0;
  while (at + kMinCopy <= size) {
    const size_t back = places.Note(Load3(in + at), at);
    if (back == 0 || Load3(in + at - back) != Load3(in + at)) {
      ++at;
      continue;
    }
    const size_t count = kMinCopy + CommonPrefix(in + at + kMinCopy, in + at + kMinCopy - back,
                                                 std::min(kMaxCopy, size - at) - kMinCopy);
    if (!output.Literals(in + literals, in + at) || !output.Copy(back, count)) return std::nullopt;
    const size_t end = at + count;
    // Only the last places of what was copied: enough to go on from, and quick.
    for (at = std::max(at + 1, end - 2); at < end && at + kMinCopy <= size; ++at) {
      places.Note(Load3(in + at), at);
    }
    at = literals = end;
  }
  if (!output.Literals(in + literals, in + size)) return std::nullopt;
  return output.size();
}

bool LzfDecompress(std::string_view row, char* out, size_t size) {
  const auto* in = reinterpret_cast<const uint8_t*>(row.data());
  const uint8_t* const in_end = in + row.size();
  char* at = out;
  char* const end = out + size;
  while (in < in_end) {
    const uint8_t head = *in++;
    if (head < kMaxLiteral) {
      const size_t count = head + size_t{1};
      if (static_cast<size_t>(in_end - in) < count || static_cast<size_t>(end - at) < count) {
        return false;
      }
      std::memcpy(at, in, count);
      at += count;
      in += count;
      continue;
    }
    size_t count = (head >> 5) + size_t{2};
    if (count == 9) {
      if (in == in_end) return false;
      count += *in++;
    }
    if (in == in_end) return false;
    const size_t back = (size_t{head & 0x1fu} << 8 | *in++) + 1;
    if (back > static_cast<size_t>(at - out) || static_cast<size_t>(end - at) < count) return false;
    if (back >= count) {
      std::memcpy(at, at - back, count);
      at += count;
    } else {
      for (; count > 0; --count, ++at) *at = *(at - back);
    }
  }
  return at == end;
}

}  // namespace henge::persistence
