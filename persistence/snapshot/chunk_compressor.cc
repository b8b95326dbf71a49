// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/chunk_compressor.h"

#include <cstdlib>

#include "persistence/rdb/rdb_reader.h"
#include "persistence/rdb/value_reader.h"

namespace henge::persistence {
namespace {

// Goes over the records and passes them on: what is no string, or too short to gain, as it stands.
class Compressor {
 public:
  Compressor(const RecordChunk& chunk, RdbWriter& out)
      : chunk_(chunk), in_(chunk.bytes), out_(out) {}

  void Run() {
    while (in_.left() > 0) Record();
    if (!in_.ok()) std::abort();  // These are our own bytes.
    PassOn(chunk_.bytes.size());
  }

 private:
  static constexpr size_t kGainsFrom = 21;

  void PassOn(size_t end) {
    out_.Raw(std::string_view(chunk_.bytes).substr(passed_, end - passed_));
    passed_ = end;
  }

  void String() {
    const size_t start = in_.position();
    const std::string_view text = in_.String(scratch_);
    if (text.size() < kGainsFrom) return;
    PassOn(start);
    out_.String(text);
    passed_ = in_.position();
  }

  void StringOrBlob() {
    if (blob_ == chunk_.blobs.size() || chunk_.blobs[blob_].first != in_.position())
      return String();
    PassOn(in_.position());
    out_.String(chunk_.blobs[blob_++].second->view());
  }

  template <class F>
  void Repeat(F pass) {
    for (uint64_t left = in_.Count(1); left > 0 && in_.ok(); --left) pass();
  }

  void Record() {
    const uint8_t first = in_.Byte();
    switch (static_cast<RdbOpcode>(first)) {
      case RdbOpcode::kSelect:
      case RdbOpcode::kIdle:
        in_.Length();
        return;
      case RdbOpcode::kFrequency:
        in_.Byte();
        return;
      case RdbOpcode::kExpiryMs:
        in_.Fixed64();
        return;
      default:
        String();  // The key.
        return Value(first);
    }
  }

  void Value(uint8_t type) {
    switch (static_cast<RdbType>(type)) {
      case RdbType::kString:
        return StringOrBlob();
      case RdbType::kHashListpack:
      case RdbType::kSortedSetListpack:
      case RdbType::kSetListpack:
      case RdbType::kSetIntset:
        return String();
      case RdbType::kHashListpackEx:
        in_.Fixed64();
        return String();
      case RdbType::kList:
      case RdbType::kSet:
        return Repeat([this] { String(); });
      case RdbType::kHash:
        return Repeat([this] {
          String();
          String();
        });
      case RdbType::kHashDeadlines:
        in_.Fixed64();
        return Repeat([this] {
          in_.Length();
          String();
          String();
        });
      case RdbType::kSortedSet2:
        return Repeat([this] {
          String();
          in_.Double();
        });
      case RdbType::kListQuicklist2:
        return Repeat([this] {
          in_.Length();
          String();
        });
      case RdbType::kStream:
      case RdbType::kStream2:
      case RdbType::kStream3:
        return Stream(type);
      default:
        std::abort();  // WriteKey makes no other.
    }
  }

  // Only the nodes are worth it.
  void Stream(uint8_t type) {
    RdbReader ahead = in_;
    Repeat([this] {
      String();
      String();
    });
    SkipValue(ahead, type);
    in_.Raw(ahead.position() - in_.position());
  }

  const RecordChunk& chunk_;
  RdbReader in_;
  RdbWriter& out_;
  size_t passed_ = 0;  // Of the chunk's bytes.
  size_t blob_ = 0;    // The next.
  std::string scratch_;
};

}  // namespace

void AppendRecords(const RecordChunk& chunk, RdbWriter& writer) {
  if (writer.options().compress) return Compressor(chunk, writer).Run();
  size_t passed = 0;
  const std::string_view bytes = chunk.bytes;
  for (const auto& [offset, blob] : chunk.blobs) {
    writer.Raw(bytes.substr(passed, offset - passed));
    writer.String(blob->view());
    passed = offset;
  }
  writer.Raw(bytes.substr(passed));
}

}  // namespace henge::persistence
