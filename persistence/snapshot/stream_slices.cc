// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/stream_slices.h"

#include <bit>

#include "persistence/rdb/raw_stream_id.h"

namespace henge::persistence {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::IdMap;
using store::Stream;
using store::StreamId;

static_assert(std::endian::native == std::endian::little);

void WriteMillis(UnixMillis at, SliceWriter& writer) {
  writer.Fixed({reinterpret_cast<const char*>(&at), sizeof(at)});
}

void WriteId(const StreamId& id, SliceWriter& writer) {
  writer.Length(id.ms);
  writer.Length(id.seq);
}

// Goes through one map's records, a slice at a time; begins anew with `Start`.
template <class Record>
class MapWalk {
 public:
  void Start(const IdMap<Record>& map) {
    map_ = &map;
    at_ = map.Begin();
  }
  // Whether there are more.
  template <class F>
  bool Write(SliceWriter& writer, F write) {
    for (; at_ != map_->End(); at_ = map_->Next(at_)) {
      if (writer.full()) return true;
      write(map_->At(at_));
    }
    return false;
  }

 private:
  const IdMap<Record>* map_ = nullptr;
  typename IdMap<Record>::Cursor at_;
};

class StreamParts final : public ValueParts {
 public:
  StreamParts(const Stream& stream, RdbType type) : stream_(stream), type_(type) {}

  bool Write(SliceWriter& writer) override {
    switch (state_) {
      case State::kStart:
        writer.Length(stream_.blocks().size());
        blocks_.Start(stream_.blocks());
        state_ = State::kBlocks;
        return true;
      case State::kBlocks:
        if (WriteBlocks(writer)) return true;
        WriteFacts(writer);
        group_ = stream_.groups().begin();
        state_ = State::kGroup;
        return true;
      case State::kGroup:
        if (group_ == stream_.groups().end()) return false;
        WriteGroupHead(**group_, writer);
        pending_.Start((*group_)->pending());
        state_ = State::kPending;
        return true;
      case State::kPending:
        if (WritePending(writer)) return true;
        writer.Length((*group_)->consumers().size());
        consumer_ = (*group_)->consumers().begin();
        state_ = State::kConsumer;
        return true;
      case State::kConsumer:
        if (consumer_ == (*group_)->consumers().end()) {
          ++group_;
          state_ = State::kGroup;
          return true;
        }
        WriteConsumerHead(**consumer_, writer);
        ids_.Start((*consumer_)->pending);
        state_ = State::kIds;
        return true;
      case State::kIds:
        if (WriteIds(writer)) return true;
        ++consumer_;
        state_ = State::kConsumer;
        return true;
    }
    return false;
  }

 private:
  enum class State : uint8_t { kStart, kBlocks, kGroup, kPending, kConsumer, kIds };

  bool WriteBlocks(SliceWriter& writer) {
    return blocks_.Write(writer, [&](const store::StreamBlock& block) {
      writer.Text(RawStreamId(block.id).view());
      writer.Text(block.listpack().view());
    });
  }
  void WriteFacts(SliceWriter& writer) const {
    writer.Length(stream_.length());
    WriteId(stream_.last_id(), writer);
    if (type_ >= RdbType::kStream2) {
      WriteId(stream_.first_id(), writer);
      WriteId(stream_.max_deleted_id(), writer);
      writer.Length(stream_.entries_added());
    }
    writer.Length(stream_.groups().size());
  }
  void WriteGroupHead(const ConsumerGroup& group, SliceWriter& writer) const {
    writer.Text(group.name);
    WriteId(group.last_id, writer);
    if (type_ >= RdbType::kStream2) writer.Length(static_cast<uint64_t>(group.entries_read));
    writer.Length(group.pending().size());
  }
  bool WritePending(SliceWriter& writer) {
    return pending_.Write(writer, [&](const store::Pending& pending) {
      writer.Fixed(RawStreamId(pending.id).view());
      WriteMillis(pending.delivery_time, writer);
      writer.Length(pending.delivery_count);
    });
  }
  void WriteConsumerHead(const Consumer& consumer, SliceWriter& writer) const {
    writer.Text(consumer.name);
    WriteMillis(consumer.seen_time, writer);
    if (type_ >= RdbType::kStream3) WriteMillis(consumer.active_time, writer);
    writer.Length(consumer.pending.size());
  }
  bool WriteIds(SliceWriter& writer) {
    return ids_.Write(writer, [&](const store::PendingId& pending) {
      writer.Fixed(RawStreamId(pending.id).view());
    });
  }

  const Stream& stream_;
  const RdbType type_;
  State state_ = State::kStart;
  MapWalk<store::StreamBlock> blocks_;
  decltype(stream_.groups().begin()) group_;
  MapWalk<store::Pending> pending_;
  decltype((*group_)->consumers().begin()) consumer_;
  MapWalk<store::PendingId> ids_;
};

}  // namespace

std::unique_ptr<ValueParts> PartsOfStream(const Stream& stream, RdbType type) {
  return std::make_unique<StreamParts>(stream, type);
}

}  // namespace henge::persistence
