// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/stream_writer.h"

#include "persistence/rdb/raw_stream_id.h"

namespace henge::persistence {
namespace {

using store::StreamId;

void WriteId(const StreamId& id, RdbWriter& writer) {
  writer.Length(id.ms);
  writer.Length(id.seq);
}

void WriteConsumer(const store::Consumer& consumer, RdbType type, RdbWriter& writer) {
  writer.String(consumer.name);
  writer.Millis(consumer.seen_time);
  if (type >= RdbType::kStream3) writer.Millis(consumer.active_time);
  writer.Length(consumer.pending.size());
  consumer.pending.ForEach(
      [&](const store::PendingId& pending) { writer.Raw(RawStreamId(pending.id).view()); });
}

void WriteGroup(const store::ConsumerGroup& group, RdbType type, RdbWriter& writer) {
  writer.String(group.name);
  WriteId(group.last_id, writer);
  if (type >= RdbType::kStream2) writer.Length(static_cast<uint64_t>(group.entries_read));
  writer.Length(group.pending().size());
  group.pending().ForEach([&](const store::Pending& pending) {
    writer.Raw(RawStreamId(pending.id).view());
    writer.Millis(pending.delivery_time);
    writer.Length(pending.delivery_count);
  });
  writer.Length(group.consumers().size());
  for (const auto& consumer : group.consumers()) WriteConsumer(*consumer, type, writer);
}

}  // namespace

void WriteStream(const store::Stream& stream, RdbType type, RdbWriter& writer) {
  writer.Length(stream.blocks().size());
  stream.blocks().ForEach([&](const store::StreamBlock& block) {
    writer.String(RawStreamId(block.id).view());
    writer.String(block.listpack().view());
  });
  writer.Length(stream.length());
  WriteId(stream.last_id(), writer);
  if (type >= RdbType::kStream2) {
    WriteId(stream.first_id(), writer);
    WriteId(stream.max_deleted_id(), writer);
    writer.Length(stream.entries_added());
  }
  writer.Length(stream.groups().size());
  for (const auto& group : stream.groups()) WriteGroup(*group, type, writer);
}

}  // namespace henge::persistence
