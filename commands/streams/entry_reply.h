// SPDX-License-Identifier: Apache-2.0
// Entries of a stream, and their IDs, as replies.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/reply_writer.h"
#include "store/stream/stream_reader.h"

namespace henge::commands {

inline void ReplyStreamId(proto::ReplyWriter& reply, const store::StreamId& id) {
  reply.Bulk(store::StreamIdText(id).view());
}

// [id, [field, value …]]
void ReplyEntry(proto::ReplyWriter& reply, const store::StreamReader& reader);

// All entries that the reader gives, at most `count` of them unless that is zero, as an array.
void ReplyEntries(proto::ReplyWriter& reply, store::StreamReader& reader, uint64_t count,
                  uint64_t length);
// The same where the reader stands at the first already.
void ReplyEntriesFrom(proto::ReplyWriter& reply, store::StreamReader& reader, uint64_t count,
                      uint64_t length);

// What XREAD replies with: streams that have entries, each with them. Nothing is written until the
// first begins.
class StreamsReply {
 public:
  // `guess`: how many there will be.
  StreamsReply(proto::ReplyWriter& reply, size_t guess) : reply_(reply), guess_(guess) {}
  // The stream's entries are to be written next, as one array.
  void Begin(std::string_view key);
  // Whether there was any.
  bool Finish();

 private:
  proto::ReplyWriter& reply_;
  size_t guess_;
  size_t streams_ = 0;
  std::optional<proto::ReplyWriter::Open> open_;
};

}  // namespace henge::commands
