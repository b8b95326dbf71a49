// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/old_blocks.h"

#include <cstring>
#include <optional>

namespace henge::persistence {
namespace {

using store::ListpackElement;

constexpr uint8_t kEnd = 0xff;
constexpr uint8_t kWide = 0xfe;  // Four bytes of length follow.

// Bytes read one after the other; reads nothing, and is `bad`, once it would go outside.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  bool bad() const { return bad_; }
  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  std::string_view Raw(size_t size) {
    if (bad_ || size > left()) {
      bad_ = true;
      return {};
    }
    const std::string_view raw = bytes_.substr(at_, size);
    at_ += size;
    return raw;
  }
  uint8_t Byte() {
    const std::string_view raw = Raw(1);
    return raw.empty() ? 0 : static_cast<uint8_t>(raw[0]);
  }
  // A signed little-endian integer of so many bytes.
  int64_t Integer(size_t size) {
    const std::string_view raw = Raw(size);
    if (raw.empty()) return 0;
    uint64_t value = 0;
    std::memcpy(&value, raw.data(), size);
    const int unused = static_cast<int>(64 - 8 * size);
    return static_cast<int64_t>(value << unused) >> unused;
  }
  uint32_t Fixed32() { return static_cast<uint32_t>(Integer(4)); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
  bool bad_ = false;
};

ListpackElement Text(std::string_view text) {
  // An empty view may have no address, which would make it an integer.
  return {.data = text.data() == nullptr ? "" : text.data(),
          .size = static_cast<uint32_t>(text.size())};
}

// The element whose encoding begins with `head`.
std::optional<ListpackElement> ZiplistElement(Cursor& cursor, uint8_t head) {
  switch (head >> 6) {
    case 0:
      return Text(cursor.Raw(head));
    case 1: {
      const size_t high = head & 0x3fu;
      return Text(cursor.Raw(high << 8 | cursor.Byte()));
    }
    case 2:
      if (head != 0x80) return std::nullopt;
      return Text(cursor.Raw(__builtin_bswap32(cursor.Fixed32())));
    default:
      break;
  }
  switch (head) {
    case 0xc0:
      return ListpackElement{.integer = cursor.Integer(2)};
    case 0xd0:
      return ListpackElement{.integer = cursor.Integer(4)};
    case 0xe0:
      return ListpackElement{.integer = cursor.Integer(8)};
    case 0xf0:
      return ListpackElement{.integer = cursor.Integer(3)};
    case 0xfe:
      return ListpackElement{.integer = cursor.Integer(1)};
    default:
      if (head < 0xf1 || head > 0xfd) return std::nullopt;
      return ListpackElement{.integer = (head & 0x0f) - 1};
  }
}

}  // namespace

bool WalkZiplist(std::string_view bytes, VisitElement visit) {
  constexpr size_t kHeader = 10;
  constexpr uint16_t kMany = 0xffff;
  if (bytes.size() < kHeader + 1 || static_cast<uint8_t>(bytes.back()) != kEnd) return false;
  Cursor cursor(bytes.substr(0, bytes.size() - 1));
  if (cursor.Fixed32() != bytes.size()) return false;
  const uint32_t tail = cursor.Fixed32();
  const auto stated = static_cast<uint16_t>(cursor.Integer(2));
  size_t last = kHeader;
  size_t before = 0;  // Bytes of the element before.
  uint64_t count = 0;
  for (; cursor.left() > 0; ++count) {
    last = cursor.at();
    size_t previous = cursor.Byte();
    if (previous == kEnd) return false;
    if (previous == kWide) previous = cursor.Fixed32();
    if (previous != before) return false;
    const auto element = ZiplistElement(cursor, cursor.Byte());
    if (!element || cursor.bad()) return false;
    visit(*element);
    before = cursor.at() - last;
  }
  return tail == last && (stated == kMany || stated == count);
}

bool WalkZipmap(std::string_view bytes, VisitElement visit) {
  constexpr uint8_t kMany = 254;
  if (bytes.size() < 2 || static_cast<uint8_t>(bytes.back()) != kEnd) return false;
  Cursor cursor(bytes.substr(0, bytes.size() - 1));
  const uint8_t stated = cursor.Byte();
  const auto length = [&](uint8_t head) -> size_t {
    return head == kWide ? cursor.Fixed32() : head;
  };
  uint64_t count = 0;
  for (; cursor.left() > 0; ++count) {
    const uint8_t field_head = cursor.Byte();
    if (field_head == kEnd) return false;
    const std::string_view field = cursor.Raw(length(field_head));
    const uint8_t value_head = cursor.Byte();
    if (value_head == kEnd) return false;
    const size_t size = length(value_head);
    const uint8_t unused = cursor.Byte();
    const std::string_view value = cursor.Raw(size);
    cursor.Raw(unused);
    if (cursor.bad()) return false;
    visit(Text(field));
    visit(Text(value));
  }
  return stated >= kMany || stated == count;
}

}  // namespace henge::persistence
