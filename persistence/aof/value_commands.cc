// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/value_commands.h"

#include <algorithm>

#include "store/hash/hash.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"
#include "store/stream/stream.h"
#include "store/stream/stream_reader.h"

namespace henge::persistence {
namespace {

using store::Entry;
using store::ListpackElement;
using Full = absl::FunctionRef<void()>;

constexpr uint64_t kElementsPerCommand = 64;  // Redis's.

// The commands that add a collection's elements, as many to each as there may be.
class Batches {
 public:
  Batches(std::string_view name, std::string_view key, uint64_t elements, uint64_t words_each,
          CommandText& text, Full full)
      : name_(name),
        key_(key),
        left_(elements),
        words_each_(words_each),
        text_(text),
        full_(full) {}

  // Before each element.
  void Next() {
    if (in_command_ == 0) {
      full_();
      in_command_ = std::min(left_, kElementsPerCommand);
      text_.Begin(2 + in_command_ * words_each_);
      text_.Word(name_);
      text_.Word(key_);
    }
    --in_command_;
    --left_;
  }

 private:
  const std::string_view name_;
  const std::string_view key_;
  uint64_t left_;
  const uint64_t words_each_;
  uint64_t in_command_ = 0;
  CommandText& text_;
  const Full full_;
};

void WriteString(const Entry& entry, CommandText& text) {
  text.Begin(3);
  text.Word("SET");
  text.Word(entry.key());
  if (entry.is_integer()) {
    text.Integer(entry.integer());
  } else {
    text.Word(entry.bytes());
  }
}

void WriteList(const Entry& entry, CommandText& text, Full full) {
  const store::ListView list(entry);
  Batches batches("RPUSH", entry.key(), list.size(), 1, text, full);
  list.Walk(0, list.size(), [&](const ListpackElement& element) {
    batches.Next();
    text.Word(element);
  });
}

void WriteSet(const Entry& entry, CommandText& text, Full full) {
  const store::SetView set(entry);
  Batches batches("SADD", entry.key(), set.size(), 1, text, full);
  set.ForEach([&](const store::SetElement& element) {
    batches.Next();
    text.Word(element);
  });
}

void WriteSortedSet(const Entry& entry, CommandText& text, Full full) {
  const store::SortedSet set(entry);
  Batches batches("ZADD", entry.key(), set.size(), 2, text, full);
  set.ForEach([&](std::string_view member, double score) {
    batches.Next();
    text.Number(score);
    text.Word(member);
  });
}

void WriteHash(const Entry& entry, CommandText& text, Full full) {
  static const store::EncodingLimits limits;  // Those matter only when a hash changes.
  const store::Hash hash(const_cast<Entry&>(entry), limits, /*now=*/0);
  Batches batches("HMSET", entry.key(), hash.size(), 2, text, full);
  hash.ForEach([&](const store::FieldText& field, const store::FieldText& value) {
    batches.Next();
    text.Word(field);
    text.Word(value);
  });
  if (entry.member_deadline() == kNoExpiry) return;
  hash.ForEachWithDeadline(
      [&](const store::FieldText& field, const store::FieldText&, UnixMillis deadline) {
        if (deadline == kNoExpiry) return;
        full();
        text.Begin(6);
        text.Word("HPEXPIREAT");
        text.Word(entry.key());
        text.Integer(deadline);
        text.Word("FIELDS");
        text.Word("1");
        text.Word(field);
      });
}

// --- Streams ------------------------------------------------------------------------------------

void WriteEntries(std::string_view key, const store::Stream& stream, CommandText& text, Full full) {
  store::StreamReader reader(stream, store::kMinStreamId, store::kMaxStreamId);
  while (reader.Next()) {
    full();
    text.Begin(3 + 2 * uint64_t{reader.entry().fields});
    text.Word("XADD");
    text.Word(key);
    text.Word(reader.id());
    reader.ForEachPair([&](const ListpackElement& field, const ListpackElement& value) {
      text.Word(field);
      text.Word(value);
    });
  }
}

void WriteFacts(std::string_view key, const store::Stream& stream, CommandText& text) {
  text.Begin(7);
  text.Word("XSETID");
  text.Word(key);
  text.Word(stream.last_id());
  text.Word("ENTRIESADDED");
  text.Integer(static_cast<int64_t>(stream.entries_added()));
  text.Word("MAXDELETEDID");
  text.Word(stream.max_deleted_id());
}

void WriteConsumers(std::string_view key, const store::ConsumerGroup& group, CommandText& text,
                    Full full) {
  for (const auto& consumer : group.consumers()) {
    text.Command({"XGROUP", "CREATECONSUMER", key, group.name, consumer->name});
  }
  group.pending().ForEach([&](const store::Pending& pending) {
    full();
    text.Begin(12);
    for (const std::string_view word :
         {std::string_view("XCLAIM"), key, std::string_view(group.name),
          std::string_view(pending.consumer->name), std::string_view("0")}) {
      text.Word(word);
    }
    text.Word(pending.id);
    text.Word("TIME");
    text.Integer(pending.delivery_time);
    text.Word("RETRYCOUNT");
    text.Integer(static_cast<int64_t>(pending.delivery_count));
    text.Word("JUSTID");
    text.Word("FORCE");
  });
}

void WriteStream(const Entry& entry, CommandText& text, Full full) {
  const auto& stream = *static_cast<const store::Stream*>(entry.object());
  const std::string_view key = entry.key();
  if (stream.length() > 0) {
    WriteEntries(key, stream, text, full);
  } else {
    // One that is trimmed at once makes a stream without entries.
    const store::StreamId id = stream.last_id().IsZero() ? store::StreamId{0, 1} : stream.last_id();
    text.Command({"XADD", key, "MAXLEN", "0", store::StreamIdText(id).view(), "x", "y"});
  }
  WriteFacts(key, stream, text);
  for (const auto& group : stream.groups()) {
    full();
    text.Begin(7);
    text.Word("XGROUP");
    text.Word("CREATE");
    text.Word(key);
    text.Word(group->name);
    text.Word(group->last_id);
    text.Word("ENTRIESREAD");
    text.Integer(group->entries_read);
    WriteConsumers(key, *group, text, full);
  }
}

void WriteValue(const Entry& entry, CommandText& text, Full full) {
  switch (entry.type()) {
    case store::Type::kString:
      return WriteString(entry, text);
    case store::Type::kList:
      return WriteList(entry, text, full);
    case store::Type::kSet:
      return WriteSet(entry, text, full);
    case store::Type::kSortedSet:
      return WriteSortedSet(entry, text, full);
    case store::Type::kHash:
      return WriteHash(entry, text, full);
    case store::Type::kStream:
      return WriteStream(entry, text, full);
  }
}

}  // namespace

void WriteCommands(const Entry& entry, CommandText& text, Full full) {
  full();
  WriteValue(entry, text, full);
  if (!entry.has_expiry()) return;
  text.Begin(3);
  text.Word("PEXPIREAT");
  text.Word(entry.key());
  text.Integer(entry.expiry());
}

}  // namespace henge::persistence
