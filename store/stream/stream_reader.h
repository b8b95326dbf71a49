// SPDX-License-Identifier: Apache-2.0
// StreamReader: the entries between two IDs, one after another, in either direction.
//
//   StreamReader reader(stream, from, to);
//   while (reader.Next()) reader.ForEachPair([](auto field, auto value) { … });
//
// Valid until the stream's next change.
#pragma once

#include <optional>

#include "store/stream/stream.h"

namespace henge::store {

class StreamReader {
 public:
  enum class Order : uint8_t { kForward, kBackward };

  // Both ends included. Deleted entries are passed over, unless `with_deleted`.
  StreamReader(const Stream& stream, const StreamId& from, const StreamId& to,
               Order order = Order::kForward, bool with_deleted = false);

  bool Next();
  const BlockEntry& entry() const { return walk_->entry(); }
  const StreamId& id() const { return entry().id; }
  IdMap<StreamBlock>::Cursor block() const { return block_; }
  template <class F>
  void ForEachPair(F fn) const {
    walk_->ForEachPair(fn);
  }

 private:
  bool Step();  // To the next entry of any block.

  const IdMap<StreamBlock>& blocks_;
  StreamId from_;
  StreamId to_;
  Order order_;
  bool with_deleted_;
  IdMap<StreamBlock>::Cursor block_;
  std::optional<BlockWalk> walk_;
};

}  // namespace henge::store
