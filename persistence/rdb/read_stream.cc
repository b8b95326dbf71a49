// SPDX-License-Identifier: Apache-2.0
// Streams: blocks, facts, and groups with what is pending.
#include <algorithm>
#include <vector>

#include "persistence/rdb/loaded_object.h"
#include "store/stream/stream.h"

namespace henge::persistence {
namespace {

using store::Consumer;
using store::ConsumerGroup;
using store::Stream;
using store::StreamId;

constexpr size_t kRawId = 16;

StreamId IdOf(std::string_view raw) {
  uint64_t halves[2];
  std::memcpy(halves, raw.data(), kRawId);
  return {__builtin_bswap64(halves[0]), __builtin_bswap64(halves[1])};
}

// What is pending in a group, before it is known for whom.
struct Delivery {
  StreamId id;
  UnixMillis time;
  uint64_t count;
  bool taken = false;
};

class StreamValueReader {
 public:
  StreamValueReader(RdbReader& reader, RdbType form)
      : reader_(reader), form_(form), stream_(std::make_unique<Stream>()) {}

  LoadedObject Read() {
    ReadBlocks();
    ReadFacts();
    for (uint64_t left = reader_.Count(4); left > 0 && reader_.ok(); --left) ReadGroup();
    if (!reader_.ok()) return {};
    return {store::Type::kStream, store::Encoding::kStream, stream_.release()};
  }

 private:
  StreamId Id() {
    const uint64_t ms = reader_.Length();
    return {ms, reader_.Length()};
  }
  StreamId RawId() {
    const std::string_view raw = reader_.Raw(kRawId);
    return raw.empty() ? StreamId() : IdOf(raw);
  }

  void ReadBlocks() {
    for (uint64_t left = reader_.Count(2); left > 0 && reader_.ok(); --left) {
      const std::string_view id = reader_.String(id_scratch_);
      if (reader_.ok() && id.size() != kRawId) reader_.Fail("a stream's block without an ID");
      const std::string_view bytes = reader_.String(scratch_);
      if (reader_.ok() && !stream_->LoadBlock(IdOf(id), bytes)) {
        reader_.Fail("Stream listpack integrity check failed");
      }
    }
  }

  void ReadFacts() {
    reader_.Length();  // The length, which the blocks have told.
    const StreamId last = Id();
    uint64_t added = stream_->length();
    if (form_ >= RdbType::kStream2) {
      Id();  // The first entry's.
      stream_->set_max_deleted_id(Id());
      added = reader_.Length();
    }
    if (!reader_.ok()) return;
    if (!stream_->blocks().empty()) {
      store::BlockWalk walk(stream_->blocks().Back());
      if (walk.ToLast() && last < walk.entry().id) {
        return reader_.Fail("a stream whose last ID is before its last entry");
      }
    }
    stream_->set_last_id(last);
    stream_->set_entries_added(added);
    stream_->set_first_id(stream_->length() == 0 ? StreamId() : stream_->FrontId(false));
  }

  void ReadGroup() {
    const std::string name(reader_.String(scratch_));
    const StreamId last = Id();
    int64_t read = ConsumerGroup::kUnknown;
    if (form_ >= RdbType::kStream2) {
      read = static_cast<int64_t>(reader_.Length());
    } else if (const auto estimate = stream_->EntriesUpTo(last)) {
      read = static_cast<int64_t>(*estimate);
    }
    ReadDeliveries();
    if (!reader_.ok()) return;
    if (stream_->FindGroup(name) != nullptr) {
      return reader_.Fail("a stream that has a group twice");
    }
    ConsumerGroup& group = stream_->AddGroup(name, last, read);
    for (uint64_t left = reader_.Count(10); left > 0 && reader_.ok(); --left) ReadConsumer(group);
    if (!reader_.ok()) return;
    const bool all = std::all_of(deliveries_.begin(), deliveries_.end(),
                                 [](const Delivery& delivery) { return delivery.taken; });
    if (!all) reader_.Fail("an entry that is pending for no consumer");
  }

  void ReadDeliveries() {
    deliveries_.clear();
    for (uint64_t left = reader_.Count(kRawId + 9); left > 0 && reader_.ok(); --left) {
      const StreamId id = RawId();
      const UnixMillis time = reader_.Millis();
      if (!deliveries_.empty() && id <= deliveries_.back().id) {
        reader_.Fail("pending entries out of order");
      }
      deliveries_.push_back({id, time, reader_.Length()});
    }
  }

  void ReadConsumer(ConsumerGroup& group) {
    const std::string name(reader_.String(scratch_));
    const UnixMillis seen = reader_.Millis();
    const UnixMillis active = form_ >= RdbType::kStream3 ? reader_.Millis() : seen;
    uint64_t left = reader_.Count(kRawId);
    if (!reader_.ok()) return;
    if (group.FindConsumer(name) != nullptr) {
      return reader_.Fail("Duplicate stream consumer detected");
    }
    Consumer& consumer = group.AddConsumer(name, seen);
    consumer.active_time = active;
    for (; left > 0 && reader_.ok(); --left) {
      const StreamId id = RawId();
      const auto found = std::lower_bound(
          deliveries_.begin(), deliveries_.end(), id,
          [](const Delivery& delivery, const StreamId& to) { return delivery.id < to; });
      if (found == deliveries_.end() || found->id != id || found->taken) {
        return reader_.Fail("an entry pending for a consumer but not, or twice, in its group");
      }
      found->taken = true;
      group.Deliver(id, consumer, found->time).delivery_count = found->count;
    }
  }

  RdbReader& reader_;
  RdbType form_;
  std::unique_ptr<Stream> stream_;
  std::vector<Delivery> deliveries_;
  std::string scratch_;
  std::string id_scratch_;
};

}  // namespace

LoadedObject ReadStream(RdbReader& reader, RdbType form) {
  return StreamValueReader(reader, form).Read();
}

}  // namespace henge::persistence
