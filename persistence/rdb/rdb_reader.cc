// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/rdb_reader.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/rdb/lzf.h"

namespace henge::persistence {

void RdbReader::FailAs(absl::StatusCode code, std::string_view what) {
  if (!ok()) return;
  state_ = State::kBad;
  status_ = absl::Status(code, fmt::format("offset {}: {}", offset(), what));
}

void RdbReader::Truncated() {
  if (!ok()) return;
  Fail("unexpected end of data");
  state_ = State::kTruncated;
}

uint8_t RdbReader::Byte() {
  if (!ok()) return 0;
  if (left() == 0) return Truncated(), uint8_t{0};
  return static_cast<uint8_t>(bytes_[at_++]);
}

std::string_view RdbReader::Raw(uint64_t size) {
  if (!ok()) return {};
  if (size > left()) return Truncated(), std::string_view();
  const std::string_view raw = bytes_.substr(at_, size);
  at_ += size;
  return raw;
}

template <class T>
T RdbReader::Fixed() {
  const std::string_view raw = Raw(sizeof(T));
  T value{};
  if (!raw.empty()) std::memcpy(&value, raw.data(), sizeof(T));
  return value;
}

uint64_t RdbReader::Fixed64() { return Fixed<uint64_t>(); }
uint32_t RdbReader::Fixed32() { return Fixed<uint32_t>(); }
double RdbReader::Double() { return Fixed<double>(); }

uint64_t RdbReader::LengthOr(bool& special) {
  special = false;
  const uint8_t head = Byte();
  switch (head >> 6) {
    case 0:
      return head;
    case 1:
      return uint64_t{head & 0x3fu} << 8 | Byte();
    case 2:
      if (head == kRdbLength32) return __builtin_bswap32(Fixed32());
      if (head == kRdbLength64) return __builtin_bswap64(Fixed64());
      Fail(fmt::format("a length can't begin with byte {:#04x}", head));
      return 0;
    default:
      special = true;
      return head;
  }
}

uint64_t RdbReader::Length() {
  bool special;
  const uint64_t length = LengthOr(special);
  if (!special) return length;
  Fail("expected a length, found the mark of a special string");
  return 0;
}

uint64_t RdbReader::Count(size_t least) {
  const uint64_t count = Length();
  if (!ok() || count <= left() / least) return count;
  Truncated();
  return 0;
}

std::string_view RdbReader::Digits(int64_t value, std::string& scratch) {
  if (!ok()) return {};
  char digits[kInt64Chars];
  scratch.assign(digits, FormatInt64(value, digits));
  return scratch;
}

std::string_view RdbReader::Decompress(std::string& scratch) {
  const uint64_t compressed = Length();
  const uint64_t size = Length();
  if (ok() && size > kMaxString) Fail(fmt::format("a string of {} bytes is too long", size));
  const std::string_view row = Raw(compressed);
  if (!ok()) return {};
  if (!LzfCouldGive(row.size(), size)) {
    Fail(fmt::format("{} compressed bytes can't give {}", row.size(), size));
    return {};
  }
  scratch.resize(size);
  if (!LzfDecompress(row, scratch.data(), size)) {
    Fail("damaged compressed string");
    return {};
  }
  return scratch;
}

std::string_view RdbReader::String(std::string& scratch) {
  bool special;
  const uint64_t head = LengthOr(special);
  if (!special) {
    if (head > kMaxString) {
      Fail(fmt::format("a string of {} bytes is too long", head));
      return {};
    }
    return Raw(head);
  }
  switch (head) {
    case kRdbInt8:
      return Digits(static_cast<int8_t>(Byte()), scratch);
    case kRdbInt16:
      return Digits(Fixed<int16_t>(), scratch);
    case kRdbInt32:
      return Digits(Fixed<int32_t>(), scratch);
    case kRdbCompressed:
      return Decompress(scratch);
    default:
      Fail(fmt::format("unknown form of string {:#04x}", head));
      return {};
  }
}

void RdbReader::SkipString() {
  bool special;
  const uint64_t head = LengthOr(special);
  if (!special) {
    Raw(head);
    return;
  }
  if (head < kRdbCompressed) {
    Raw(uint64_t{1} << (head - kRdbInt8));
  } else if (head == kRdbCompressed) {
    const uint64_t size = Length();
    Length();
    Raw(size);
  } else {
    Fail(fmt::format("unknown form of string {:#04x}", head));
  }
}

namespace {

constexpr uint8_t kNan = 253;
constexpr uint8_t kInfinity = 254;
constexpr uint8_t kMinusInfinity = 255;

}  // namespace

double RdbReader::OldDouble() {
  const uint8_t size = Byte();
  switch (size) {
    case kNan:
      return std::numeric_limits<double>::quiet_NaN();
    case kInfinity:
      return std::numeric_limits<double>::infinity();
    case kMinusInfinity:
      return -std::numeric_limits<double>::infinity();
    default:
      break;
  }
  const std::string_view text = Raw(size);
  if (!ok()) return 0;
  const auto value = text.empty() ? std::nullopt : ParseLooseDouble(text);
  if (!value) Fail("expected a number");
  return value.value_or(0);
}

void RdbReader::SkipOldDouble() {
  const uint8_t size = Byte();
  if (size < kNan) Raw(size);
}

}  // namespace henge::persistence
