// SPDX-License-Identifier: Apache-2.0
#include "store/stream/stream.h"

#include <algorithm>

#include "store/stream/stream_reader.h"
#include "store/value.h"

namespace henge::store {

StreamGarbage::~StreamGarbage() {
  cut_.ForEach([](const StreamBlock& block) { std::free(block.pack); });
}

Stream::Stream() : blocks_(account_), groups_(account_) {
  account_.Add(AllocationSize(sizeof(Stream)));
}

Stream::~Stream() {
  blocks_.ForEach([](const StreamBlock& block) { std::free(block.pack); });
}

std::unique_ptr<Stream> Stream::Copy() const {
  auto copy = std::make_unique<Stream>();
  copy->blocks_.CopyFrom(blocks_, [&](StreamBlock& block) {
    const Listpack pack = Listpack::Copy(block.listpack().view());
    copy->account_.Add(pack.MemoryBytes());
    block.pack = pack.block();
  });
  for (const auto& group : groups_) copy->groups_.Add(group->Copy(&copy->account_));
  copy->length_ = length_;
  copy->entries_added_ = entries_added_;
  copy->first_id_ = first_id_;
  copy->last_id_ = last_id_;
  copy->max_deleted_id_ = max_deleted_id_;
  return copy;
}

size_t Stream::FreeEffort() const {
  size_t effort = 1 + blocks_.size();
  // As in Redis, the first group speaks for all.
  if (!groups_.empty()) effort += groups_.size() * (1 + (*groups_.begin())->pending().size());
  return effort;
}

StreamId Stream::LastLiveId() const {
  StreamReader reader(*this, kMinStreamId, kMaxStreamId, StreamReader::Order::kBackward);
  return reader.Next() ? reader.id() : kMinStreamId;
}

StreamId Stream::FrontId(bool with_deleted) const {
  StreamReader reader(*this, kMinStreamId, kMaxStreamId, StreamReader::Order::kForward,
                      with_deleted);
  return reader.Next() ? reader.id() : kMaxStreamId;
}

// --- Entries ------------------------------------------------------------------------------------

void Stream::Append(const StreamId& id, StreamPairs pairs, const StreamBlockLimits& limits) {
  size_t more = 0;
  for (const std::string_view text : pairs) more += text.size();
  StreamBlock* last = blocks_.empty() ? nullptr : &blocks_.Back();
  if (last != nullptr) {
    const bool bounded =
        limits.max_bytes > 0 && limits.max_bytes < static_cast<int64_t>(kMaxEntryBytes);
    const size_t max_bytes = bounded ? static_cast<size_t>(limits.max_bytes) : kMaxEntryBytes;
    if (last->listpack().bytes() + more >= max_bytes ||
        (limits.max_entries > 0 && last->entries >= limits.max_entries)) {
      last = nullptr;
    }
  }
  if (last == nullptr) {
    const StreamBlock block = NewBlock(id, pairs);
    account_.Add(block.listpack().MemoryBytes());
    blocks_.Insert(block);
  } else {
    const size_t before = last->listpack().MemoryBytes();
    AppendTo(*last, id, pairs);
    Charge(before, last->listpack().MemoryBytes());
  }
  ++length_;
  ++entries_added_;
  last_id_ = id;
  if (length_ == 1) first_id_ = id;
}

bool Stream::Erase(const StreamId& id) {
  StreamReader reader(*this, id, id);
  if (!reader.Next()) return false;
  StreamBlock& block = blocks_.At(reader.block());
  const size_t before = block.listpack().MemoryBytes();
  if (block.live == 1) {
    account_.Subtract(before);
    std::free(block.pack);
    blocks_.Erase(reader.block());
  } else {
    DeleteEntry(block, reader.entry());
    Charge(before, block.listpack().MemoryBytes());
  }
  --length_;
  max_deleted_id_ = std::max(max_deleted_id_, id);
  if (length_ == 0) {
    first_id_ = kMinStreamId;
  } else if (id == first_id_) {
    first_id_ = FrontId(false);
  }
  return true;
}

IdMap<StreamBlock>::Cursor Stream::FindCut(const StreamTrim& trim, uint64_t& entries) const {
  auto at = blocks_.Begin();
  for (; at != blocks_.End(); at = blocks_.Next(at)) {
    const StreamBlock& block = blocks_.At(at);
    if (trim.by == StreamTrim::By::kLength && length_ - entries <= trim.length) break;
    if (trim.limit > 0 && entries + block.live > trim.limit) break;
    if (trim.by == StreamTrim::By::kLength) {
      if (length_ - entries - block.live < trim.length) break;
    } else {
      if (block.id >= trim.id) break;
      // All of a block is before the next one; only the last to go is looked into.
      const auto next = blocks_.Next(at);
      BlockWalk walk(block);
      if ((next == blocks_.End() || blocks_.At(next).id > trim.id) && walk.ToLast() &&
          walk.entry().id >= trim.id) {
        break;
      }
    }
    entries += block.live;
  }
  return at;
}

Stream::Trimmed Stream::Trim(const StreamTrim& trim) {
  Trimmed trimmed;
  const size_t blocks_before = blocks_.size();
  const auto cut = FindCut(trim, trimmed.entries);
  IdMap<StreamBlock>::Cut gone = blocks_.CutBefore(cut);
  gone.ForEach(
      [&](const StreamBlock& block) { account_.Subtract(block.listpack().MemoryBytes()); });
  trimmed.garbage = StreamGarbage(std::move(gone), blocks_before - blocks_.size());
  length_ -= trimmed.entries;
  if (!trim.approximate && !blocks_.empty()) trimmed.entries += TrimFront(trim);
  if (length_ == 0) {
    first_id_ = kMinStreamId;
  } else if (trimmed.entries > 0) {
    first_id_ = FrontId(false);
  }
  return trimmed;
}

// Marks what is to go of the first block, which stays; returns how many entries.
uint32_t Stream::TrimFront(const StreamTrim& trim) {
  StreamBlock& block = blocks_.Front();
  const size_t before = block.listpack().MemoryBytes();
  uint64_t left =
      trim.by == StreamTrim::By::kLength && length_ > trim.length ? length_ - trim.length : 0;
  const uint32_t deleted = DeleteFromFront(block, [&](const BlockEntry& entry) {
    if (trim.by == StreamTrim::By::kId) return entry.id < trim.id;
    if (left == 0) return false;
    left -= entry.deleted() ? 0 : 1;
    return true;
  });
  length_ -= deleted;
  if (block.live > 0) {
    Charge(before, block.listpack().MemoryBytes());
  } else {
    account_.Subtract(before);
    std::free(block.pack);
    blocks_.Erase(blocks_.Begin());
  }
  return deleted;
}

bool Stream::LoadBlock(const StreamId& id, std::string_view bytes) {
  if (!blocks_.empty()) {
    BlockWalk walk(blocks_.Back());
    if (id <= blocks_.Back().id || (walk.ToLast() && walk.entry().id >= id)) return false;
  }
  auto block = ValidateBlock(id, bytes);
  if (!block) return false;
  const Listpack pack = Listpack::Copy(bytes);
  block->pack = pack.block();
  account_.Add(pack.MemoryBytes());
  length_ += block->live;
  blocks_.Insert(*block);
  return true;
}

// --- Groups -------------------------------------------------------------------------------------

ConsumerGroup& Stream::AddGroup(std::string_view name, const StreamId& last, int64_t entries_read) {
  return groups_.Add(std::make_unique<ConsumerGroup>(name, last, entries_read, &account_));
}

std::unique_ptr<ConsumerGroup> Stream::RemoveGroup(ConsumerGroup& group) {
  auto removed = groups_.Remove(group);
  removed->Settle();
  return removed;
}

bool Stream::DeletedFrom(const StreamId& id) const {
  return length_ > 0 && !max_deleted_id_.IsZero() && first_id_ <= max_deleted_id_ &&
         id <= max_deleted_id_;
}

std::optional<uint64_t> Stream::EntriesUpTo(const StreamId& id) const {
  if (entries_added_ == 0) return 0;
  if (length_ == 0 && id <= last_id_) return entries_added_;
  if (id == last_id_) return entries_added_;
  if (id > last_id_) return std::nullopt;
  if (max_deleted_id_.IsZero() || max_deleted_id_ < first_id_) {
    if (id < first_id_) return entries_added_ - length_;
    if (id == first_id_) return entries_added_ - length_ + 1;
  }
  return std::nullopt;
}

std::optional<int64_t> Stream::Lag(const ConsumerGroup& group) const {
  if (entries_added_ == 0) return 0;
  const auto added = static_cast<int64_t>(entries_added_);
  if (group.entries_read != ConsumerGroup::kUnknown && !DeletedFrom(group.last_id)) {
    return added - group.entries_read;
  }
  const auto read = EntriesUpTo(group.last_id);
  if (!read) return std::nullopt;
  return added - static_cast<int64_t>(*read);
}

void Stream::Advance(ConsumerGroup& group, const StreamId& id) const {
  if (id <= group.last_id) return;
  if (group.entries_read != ConsumerGroup::kUnknown && !DeletedFrom(id)) {
    ++group.entries_read;
  } else if (entries_added_ > 0) {
    const auto read = EntriesUpTo(id);
    group.entries_read = read ? static_cast<int64_t>(*read) : ConsumerGroup::kUnknown;
  }
  group.last_id = id;
}

// --- As an entry's object -----------------------------------------------------------------------

namespace {

const Stream& Of(const void* object) { return *static_cast<const Stream*>(object); }

void* MakeStream() { return new Stream; }
void FreeStream(Encoding, void* object) { delete static_cast<Stream*>(object); }
size_t StreamMemory(Encoding, const void* object) { return Of(object).MemoryBytes(); }
size_t StreamEffort(Encoding, const void* object) { return Of(object).FreeEffort(); }
void* CopyStream(Encoding, const void* object) { return Of(object).Copy().release(); }
// A stream without entries has its IDs and groups to keep.
bool StreamIsEmpty(Encoding, const void*) { return false; }

}  // namespace

const ValueOperations kStreamOperations = {MakeStream,   Encoding::kStream, FreeStream,
                                           StreamMemory, StreamEffort,      CopyStream,
                                           StreamIsEmpty};

}  // namespace henge::store
