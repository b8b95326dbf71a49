// SPDX-License-Identifier: Apache-2.0
// A stream's block from outside: what ValidateBlock lets pass can be walked in both directions,
// read, trimmed and appended to, and is still sound then.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "store/stream/stream.h"
#include "store/stream/stream_reader.h"

namespace {

using henge::store::ListpackElement;
using henge::store::Stream;
using henge::store::StreamId;
using henge::store::StreamReader;

constexpr size_t kIdBytes = 4;
constexpr std::string_view kPair[] = {"field", "value"};

uint64_t Read(const Stream& stream, StreamReader::Order order) {
  StreamReader reader(stream, henge::store::kMinStreamId, henge::store::kMaxStreamId, order);
  uint64_t entries = 0;
  while (reader.Next()) {
    ++entries;
    reader.ForEachPair([](const ListpackElement& field, const ListpackElement& value) {
      ListpackElement::Digits digits;
      if (field.Text(digits).size() + value.Text(digits).size() > henge::store::Listpack::kMaxBytes)
        std::abort();
    });
  }
  return entries;
}

void Expect(bool sound) {
  if (!sound) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kIdBytes) return 0;
  const StreamId id{data[0], uint64_t{data[1]} << 56 | data[2]};
  const std::string_view bytes(reinterpret_cast<const char*>(data) + kIdBytes, size - kIdBytes);
  Stream stream;
  if (!stream.LoadBlock(id, bytes)) return 0;
  Expect(Read(stream, StreamReader::Order::kForward) == stream.length());
  Expect(Read(stream, StreamReader::Order::kBackward) == stream.length());
  const StreamId last = stream.blocks().empty() ? id : stream.LastLiveId();
  const auto next = std::max(last, StreamId{uint64_t{1} << 62, 0}).Next();
  henge::store::StreamReader all(stream, henge::store::kMinStreamId, henge::store::kMaxStreamId,
                                 StreamReader::Order::kBackward, true);
  if (next && (!all.Next() || all.id() < *next)) {
    const uint64_t before = stream.length();
    stream.Append(*next, kPair, {0, 0});
    Expect(stream.length() == before + 1);
    Expect(Read(stream, StreamReader::Order::kForward) == before + 1);
  }
  if (data[3] % 2 == 0) stream.Erase(last);
  stream.Trim({.length = data[3]});
  Expect(Read(stream, StreamReader::Order::kForward) == stream.length());
  Expect(stream.Copy()->length() == stream.length());
  return 0;
}
