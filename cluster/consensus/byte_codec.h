// SPDX-License-Identifier: Apache-2.0
// Numbers and texts as bytes, for what consensus writes to disk and sends. One thread.
//
// Numbers are 64 bits, little endian; a text is its length and its bytes. The reader latches: once
// something is not there, ok() is false and everything it gives is zero or empty, so that callers
// check once. No memory is taken for a length before so many bytes are seen to be there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace henge::consensus {

class ByteWriter {
 public:
  void Byte(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Number(uint64_t value) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<uint8_t>(value >> (8 * i)));
  }
  void Text(std::string_view text) {
    Number(text.size());
    bytes_.append(text);
  }
  std::string Take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  uint8_t Byte() {
    const std::string_view byte = Bytes(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }
  uint64_t Number() {
    uint64_t value = 0;
    const std::string_view bytes = Bytes(8);
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    return value;
  }
  std::string Text(uint64_t limit = UINT64_MAX) { return std::string(View(limit)); }
  // As Text; of what it reads from.
  std::string_view View(uint64_t limit = UINT64_MAX) {
    const uint64_t size = Number();
    if (size <= limit) return Bytes(size);
    ok_ = false;
    return {};
  }
  void Refuse() { ok_ = false; }
  bool ok() const { return ok_; }
  bool AtEnd() const { return ok_ && rest_.empty(); }
  uint64_t left() const { return rest_.size(); }

 private:
  std::string_view Bytes(uint64_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace henge::consensus
