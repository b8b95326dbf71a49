// SPDX-License-Identifier: Apache-2.0
// A block of a stream: up to a hundred entries or so in one listpack, Redis's element for element,
// since RDB files hold these listpacks as they are. The layout, with an example:
// docs/formats/stream.md.
//
//   master   | live | deleted | fields | field … | 0 |
//   entry    | flags | ms | seq | fields | field value … | elements before this |
//   entry    | flags | ms | seq | value …                | elements before this |   kSameFields
//
// IDs are relative to the block's own, which is that of its first entry. A deleted entry stays,
// marked. Not thread-safe.
//
// Every function REQUIRES a sound block; what comes from outside goes through ValidateBlock first.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "store/encoding/listpack.h"
#include "store/stream/stream_id.h"

namespace henge::store {

// What the stream's map keeps of a block: enough to count and cut without looking into it.
struct StreamBlock {
  StreamId id;  // Entries' IDs are relative to it.
  uint8_t* pack;
  uint32_t live;     // Entries that are not deleted.
  uint32_t entries;  // All.

  Listpack listpack() const { return Listpack(pack); }
};

// One entry of a block. Places are good until the block changes.
struct BlockEntry {
  enum : int64_t { kDeleted = 1, kSameFields = 2 };  // Flags.
  StreamId id;
  int64_t flags;
  uint32_t fields;           // Pairs.
  Listpack::At flags_at;     // The entry's first element.
  Listpack::At first_field;  // With kSameFields, of the master's.
  Listpack::At first_value;  // With kSameFields; else values follow their fields.

  bool deleted() const { return (flags & kDeleted) != 0; }
  bool same_fields() const { return (flags & kSameFields) != 0; }
};

// Goes from entry to entry, deleted ones included.
class BlockWalk {
 public:
  explicit BlockWalk(const StreamBlock& block);

  // The first entry, the last; false if there is none.
  bool ToFirst() { return Read(master_end_); }
  bool ToLast();
  bool Next() { return Read(End(entry_)); }
  bool Previous();
  const BlockEntry& entry() const { return entry_; }

  // Calls fn(field, value), both ListpackElement, for each pair of the entry.
  template <class F>
  void ForEachPair(F fn) const;

 private:
  bool Read(Listpack::At at);
  Listpack::At End(const BlockEntry& entry) const;  // Where the next one begins; kNone: nowhere.

  Listpack pack_;
  StreamId base_;
  uint32_t master_fields_;
  Listpack::At master_field_;  // The first.
  Listpack::At master_end_;    // Where entries begin.
  BlockEntry entry_{};
};

// A pair's field and value in turn: f1 v1 f2 v2 …
using StreamPairs = std::span<const std::string_view>;

// A block with one entry, which bears the block's ID.
StreamBlock NewBlock(const StreamId& id, StreamPairs pairs);
// REQUIRES: `id` comes behind all of the block.
void AppendTo(StreamBlock& block, const StreamId& id, StreamPairs pairs);
// Marks entries as deleted: the one the walk stands at; or all live ones from the first on, as long
// as `more(entry)`. Returns how many. The latter ends the life of walks.
void DeleteEntry(StreamBlock& block, const BlockEntry& entry);
template <class F>
uint32_t DeleteFromFront(StreamBlock& block, F more);

// From outside: the block with this ID that `bytes` hold, not yet copied (`pack` is null); nothing
// where they are not a sound listpack with a sound master and entries in ascending order, and as
// many live and deleted ones as it says.
std::optional<StreamBlock> ValidateBlock(const StreamId& id, std::string_view bytes);

// --- Templates ----------------------------------------------------------------------------------

template <class F>
void BlockWalk::ForEachPair(F fn) const {
  Listpack::At field = entry_.first_field;
  if (!entry_.same_fields()) {
    for (uint32_t i = 0; i < entry_.fields; ++i) {
      const Listpack::At value = pack_.Next(field);
      fn(pack_.Get(field), pack_.Get(value));
      field = pack_.Next(value);
    }
    return;
  }
  Listpack::At value = entry_.first_value;
  for (uint32_t i = 0; i < entry_.fields; ++i) {
    fn(pack_.Get(field), pack_.Get(value));
    field = pack_.Next(field);
    value = pack_.Next(value);
  }
}

// The counts of live and deleted entries in the master.
void MoveToDeleted(StreamBlock& block, uint32_t entries);
void SetFlags(StreamBlock& block, const BlockEntry& entry, int64_t flags);

template <class F>
uint32_t DeleteFromFront(StreamBlock& block, F more) {
  uint32_t deleted = 0;
  BlockWalk walk(block);
  for (bool any = walk.ToFirst(); any && more(walk.entry()); any = walk.Next()) {
    if (walk.entry().deleted()) continue;
    SetFlags(block, walk.entry(), walk.entry().flags | BlockEntry::kDeleted);
    ++deleted;
  }
  if (deleted > 0) MoveToDeleted(block, deleted);
  return deleted;
}

}  // namespace henge::store
