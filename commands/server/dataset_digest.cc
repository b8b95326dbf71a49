// SPDX-License-Identifier: Apache-2.0
#include "commands/server/dataset_digest.h"

#include <fmt/format.h>

#include "base/numbers.h"
#include "base/sha1.h"
#include "store/hash/hash.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"
#include "store/stream/stream_reader.h"

namespace henge::commands {

void Digest::Xor(std::string_view bytes) {
  const auto hash = Sha1(bytes);
  for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] ^= hash[i];
}

void Digest::Mix(std::string_view bytes) {
  Xor(bytes);
  bytes_ = Sha1(view());
}

void Digest::MixNumber(uint32_t number) {
  const char bytes[] = {static_cast<char>(number >> 24), static_cast<char>(number >> 16),
                        static_cast<char>(number >> 8), static_cast<char>(number)};
  Mix({bytes, sizeof(bytes)});
}

void Digest::AddStream(const store::Stream& stream) {
  store::StreamReader reader(stream, store::kMinStreamId, store::kMaxStreamId);
  while (reader.Next()) {
    Mix(store::StreamIdText(reader.id(), '.').view());
    reader.ForEachPair(
        [&](const store::ListpackElement& field, const store::ListpackElement& value) {
          store::ListpackElement::Digits digits;
          Mix(field.Text(digits));
          Mix(value.Text(digits));
        });
  }
}

void Digest::AddString(const store::Entry& entry) {
  if (!entry.is_integer()) return Mix(entry.bytes());
  char digits[kInt64Chars];
  Mix({digits, FormatInt64(entry.integer(), digits)});
}

void Digest::AddList(const store::Entry& entry) {
  const store::ListView list(entry);
  list.Walk(0, list.size(), [&](const store::ListpackElement& element) {
    store::ListpackElement::Digits digits;
    Mix(element.Text(digits));
  });
}

void Digest::AddSet(const store::Entry& entry) {
  store::SetView(entry).ForEach([&](const store::SetElement& element) {
    store::SetElement::Digits digits;
    Xor(element.Text(digits));
  });
}

void Digest::AddHash(const store::Entry& entry) {
  static const store::EncodingLimits limits;  // Those matter only when a hash changes.
  const store::Hash hash(const_cast<store::Entry&>(entry), limits, /*now=*/0);
  hash.ForEachWithDeadline(
      [&](const store::FieldText& field, const store::FieldText& value, UnixMillis deadline) {
        store::ListpackElement::Digits digits;
        Digest pair;
        pair.Mix(field.Text(digits));
        pair.Mix(value.Text(digits));
        if (deadline != kNoExpiry) pair.Xor("!!hexpire!!");
        Xor(pair);
      });
}

void Digest::AddSortedSet(const store::Entry& entry) {
  store::SortedSet(entry).ForEach([&](std::string_view member, double score) {
    Digest element;
    element.Mix(member);
    element.Mix(fmt::format("{:.17g}", score));
    Xor(element);
  });
}

void Digest::AddValue(const store::Entry& entry) {
  MixNumber(static_cast<uint32_t>(entry.type()));
  switch (entry.type()) {
    case store::Type::kString:
      AddString(entry);
      break;
    case store::Type::kList:
      AddList(entry);
      break;
    case store::Type::kSet:
      AddSet(entry);
      break;
    case store::Type::kSortedSet:
      AddSortedSet(entry);
      break;
    case store::Type::kHash:
      AddHash(entry);
      break;
    case store::Type::kStream:
      AddStream(*static_cast<const store::Stream*>(entry.object()));
      break;
    default:
      break;
  }
  if (entry.has_expiry()) Xor("!!expire!!");
}

std::string Digest::Hex() const {
  std::string hex;
  for (const uint8_t byte : bytes_) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace henge::commands
