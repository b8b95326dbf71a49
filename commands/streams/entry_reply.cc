// SPDX-License-Identifier: Apache-2.0
#include "commands/streams/entry_reply.h"

#include <algorithm>

namespace henge::commands {
namespace {

void ReplyElement(proto::ReplyWriter& reply, const store::ListpackElement& element) {
  if (element.is_integer()) return reply.BulkInteger(element.integer);
  reply.Bulk({element.data, element.size});
}

}  // namespace

void ReplyEntry(proto::ReplyWriter& reply, const store::StreamReader& reader) {
  reply.Array(2);
  ReplyStreamId(reply, reader.id());
  reply.Array(size_t{2} * reader.entry().fields);
  reader.ForEachPair([&](const store::ListpackElement& field, const store::ListpackElement& value) {
    ReplyElement(reply, field);
    ReplyElement(reply, value);
  });
}

void ReplyEntries(proto::ReplyWriter& reply, store::StreamReader& reader, uint64_t count,
                  uint64_t length) {
  if (!reader.Next()) return reply.Array(0);
  ReplyEntriesFrom(reply, reader, count, length);
}

void ReplyEntriesFrom(proto::ReplyWriter& reply, store::StreamReader& reader, uint64_t count,
                      uint64_t length) {
  const auto open = reply.OpenArray(count == 0 ? length : std::min(count, length));
  uint64_t entries = 0;
  do {
    ReplyEntry(reply, reader);
    ++entries;
  } while (entries != count && reader.Next());
  reply.Close(open, entries);
}

void StreamsReply::Begin(std::string_view key) {
  if (!open_) open_ = reply_.resp3() ? reply_.OpenMap(guess_) : reply_.OpenArray(guess_);
  ++streams_;
  if (!reply_.resp3()) reply_.Array(2);
  reply_.Bulk(key);
}

bool StreamsReply::Finish() {
  if (open_) reply_.Close(*open_, streams_);
  return streams_ > 0;
}

}  // namespace henge::commands
