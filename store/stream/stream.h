// SPDX-License-Identifier: Apache-2.0
// Stream: entries in the order of their IDs, which only grow, and the groups that read them.
//
//   blocks   | first ID, pack, counts | …          IdMap, one record for a hundred entries
//                         |
//                      listpack                    stream_block.h
//   groups   | name → ConsumerGroup | …            consumer_group.h
//
// Entries are appended at the end, trimmed from the front, and deleted anywhere, which marks them
// until their block is all deleted. The object of a stream's entry; whether it is in the keyspace
// does not depend on how many entries it has. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "store/stream/consumer_group.h"
#include "store/stream/id_map.h"
#include "store/stream/memory_account.h"
#include "store/stream/stream_block.h"
#include "store/stream/stream_id.h"

namespace henge::store {

struct ValueOperations;

// How large a block may grow: stream-node-max-bytes, stream-node-max-entries. 0: not bounded so.
struct StreamBlockLimits {
  int64_t max_bytes = 4096;
  int64_t max_entries = 100;
};

// What is to go from a stream's front.
struct StreamTrim {
  enum class By : uint8_t { kLength, kId };
  By by = By::kLength;
  uint64_t length = 0;       // Keep so many.
  StreamId id;               // Keep from this one on.
  bool approximate = false;  // Whole blocks only.
  uint64_t limit = 0;        // At most so many entries; 0: any number.
};

// Blocks cut out of a stream; frees them. May go to another thread.
class StreamGarbage {
 public:
  StreamGarbage() = default;
  StreamGarbage(IdMap<StreamBlock>::Cut cut, size_t blocks)
      : cut_(std::move(cut)), blocks_(blocks) {}
  StreamGarbage(StreamGarbage&& other) noexcept
      : cut_(std::move(other.cut_)), blocks_(std::exchange(other.blocks_, 0)) {}
  StreamGarbage& operator=(StreamGarbage&& other) noexcept {
    std::swap(cut_, other.cut_);
    std::swap(blocks_, other.blocks_);
    return *this;
  }
  ~StreamGarbage();
  size_t blocks() const { return blocks_; }

 private:
  IdMap<StreamBlock>::Cut cut_;
  size_t blocks_ = 0;
};

class Stream {
 public:
  // What the fields and values of one entry may come to in bytes.
  static constexpr size_t kMaxEntryBytes = size_t{1} << 30;

  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  std::unique_ptr<Stream> Copy() const;

  // --- Facts ------------------------------------------------------------------------------------
  uint64_t length() const { return length_; }
  uint64_t entries_added() const { return entries_added_; }           // Ever.
  const StreamId& last_id() const { return last_id_; }                // Of all ever added.
  const StreamId& first_id() const { return first_id_; }              // Of what is there; or 0-0.
  const StreamId& max_deleted_id() const { return max_deleted_id_; }  // By XDEL.
  const IdMap<StreamBlock>& blocks() const { return blocks_; }
  size_t MemoryBytes() const { return account_.bytes(); }
  size_t FreeEffort() const;
  // Of the last entry that is there; 0-0 if there is none.
  StreamId LastLiveId() const;
  // Of the first entry or, `with_deleted`, the first that is still marked; the greatest ID of all
  // if there is none.
  StreamId FrontId(bool with_deleted) const;

  // --- Entries ----------------------------------------------------------------------------------
  // REQUIRES: id > last_id(); the pairs within kMaxEntryBytes.
  void Append(const StreamId& id, StreamPairs pairs, const StreamBlockLimits& limits);
  bool Erase(const StreamId& id);
  struct Trimmed {
    uint64_t entries = 0;
    StreamGarbage garbage;
  };
  Trimmed Trim(const StreamTrim& trim);

  void set_last_id(const StreamId& id) { last_id_ = id; }
  void set_entries_added(uint64_t entries) { entries_added_ = entries; }
  void set_max_deleted_id(const StreamId& id) { max_deleted_id_ = id; }
  void set_first_id(const StreamId& id) { first_id_ = id; }

  // --- Groups -----------------------------------------------------------------------------------
  const NameMap<ConsumerGroup>& groups() const { return groups_; }
  ConsumerGroup* FindGroup(std::string_view name) const { return groups_.Find(name); }
  // REQUIRES: there is none of that name.
  ConsumerGroup& AddGroup(std::string_view name, const StreamId& last, int64_t entries_read);
  // The group is freed by who gets it, on any thread.
  std::unique_ptr<ConsumerGroup> RemoveGroup(ConsumerGroup& group);
  // How many entries were ever added up to `id`, as far as it can be told.
  std::optional<uint64_t> EntriesUpTo(const StreamId& id) const;
  // How many entries the group has yet to read, as far as it can be told.
  std::optional<int64_t> Lag(const ConsumerGroup& group) const;
  // The entry has been delivered: the group's last ID, and count, go on.
  void Advance(ConsumerGroup& group, const StreamId& id) const;

  // --- From outside -----------------------------------------------------------------------------
  // Adds a block as it stands in an RDB file, behind all others; false if it is unsound. Counts its
  // entries in length() only: the other facts are set by whoever loads.
  bool LoadBlock(const StreamId& id, std::string_view bytes);

 private:
  // Whether an entry behind `id` has been deleted by XDEL, so that counting ahead is in vain.
  bool DeletedFrom(const StreamId& id) const;
  void Charge(size_t before, size_t after) {
    account_.Add(after);
    account_.Subtract(before);
  }
  // The first block that stays, and how many entries go with those before it.
  IdMap<StreamBlock>::Cursor FindCut(const StreamTrim& trim, uint64_t& entries) const;
  uint32_t TrimFront(const StreamTrim& trim);

  MemoryAccount account_;
  IdMap<StreamBlock> blocks_;
  NameMap<ConsumerGroup> groups_;
  uint64_t length_ = 0;
  uint64_t entries_added_ = 0;
  StreamId first_id_;
  StreamId last_id_;
  StreamId max_deleted_id_;
};

extern const ValueOperations kStreamOperations;

}  // namespace henge::store
