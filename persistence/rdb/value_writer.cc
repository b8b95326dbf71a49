// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/value_writer.h"

#include "persistence/rdb/stream_writer.h"
#include "store/hash/hash.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::persistence {
namespace {

using store::Encoding;
using store::Entry;
using store::ListpackElement;

constexpr int kWithListpacks = 10;       // Redis 7.0
constexpr int kWithSetListpacks = 11;    // Redis 7.2
constexpr int kWithFieldDeadlines = 12;  // Redis 7.4

bool HasDeadlines(const Entry& hash) { return hash.member_deadline() != kNoExpiry; }

RdbType TypeOfHash(const Entry& entry, int version) {
  // A file of version 11 is for us, or for a Redis that would lose the deadlines: better it
  // refuses.
  if (HasDeadlines(entry) && version >= kWithFieldDeadlines - 1) {
    return entry.encoding() == Encoding::kListpackEx ? RdbType::kHashListpackEx
                                                     : RdbType::kHashDeadlines;
  }
  const bool packed = entry.encoding() == Encoding::kListpack && version >= kWithListpacks;
  return packed ? RdbType::kHashListpack : RdbType::kHash;
}

RdbType TypeOfSet(const Entry& entry, int version) {
  if (entry.encoding() == Encoding::kIntset) return RdbType::kSetIntset;
  const bool packed = entry.encoding() == Encoding::kListpack && version >= kWithSetListpacks;
  return packed ? RdbType::kSetListpack : RdbType::kSet;
}

RdbType TypeOfStream(int version) {
  if (version >= kWithSetListpacks) return RdbType::kStream3;
  return version >= kWithListpacks ? RdbType::kStream2 : RdbType::kStream;
}

std::string_view PackOf(const Entry& entry) { return store::Listpack(entry.object()).view(); }

void WriteElement(const ListpackElement& element, RdbWriter& writer) {
  if (element.is_integer()) return writer.Integer(element.integer);
  writer.String({element.data, element.size});
}

void WriteString(const Entry& entry, RdbWriter& writer) {
  if (entry.is_integer()) return writer.Integer(entry.integer());
  writer.String(entry.bytes());
}

// --- Lists --------------------------------------------------------------------------------------

void WriteNode(const store::ListNode& node, RdbWriter& writer) {
  writer.Length(node.plain ? kPlainNode : kPackedNode);
  writer.String(node.plain ? node.text() : node.pack().view());
}

void WriteQuicklist(const store::ListView& list, RdbWriter& writer) {
  if (list.packed()) {
    writer.Length(1);
    writer.Length(kPackedNode);
    return writer.String(list.pack().view());
  }
  const store::NodeIndex& index = list.quicklist()->index();
  writer.Length(index.nodes());
  if (index.nodes() == 0) return;
  auto at = index.First();
  do {
    WriteNode(index.At(at), writer);
  } while (index.Next(at));
}

void WriteList(const Entry& entry, RdbType type, RdbWriter& writer) {
  const store::ListView list(entry);
  if (type == RdbType::kListQuicklist2) return WriteQuicklist(list, writer);
  writer.Length(list.size());
  list.Walk(0, list.size(), [&](const ListpackElement& e) { WriteElement(e, writer); });
}

// --- Sets, sorted sets, hashes ------------------------------------------------------------------

void WriteSet(const Entry& entry, RdbType type, RdbWriter& writer) {
  if (type == RdbType::kSetIntset) return writer.String(store::Intset(entry.object()).view());
  if (type == RdbType::kSetListpack) return writer.String(PackOf(entry));
  const store::SetView set(entry);
  writer.Length(set.size());
  set.ForEach([&](const store::SetElement& element) { WriteElement(element, writer); });
}

void WriteSortedSet(const Entry& entry, RdbType type, RdbWriter& writer) {
  if (type == RdbType::kSortedSetListpack) return writer.String(PackOf(entry));
  const store::SortedSet set(entry);
  writer.Length(set.size());
  // The highest first: so Redis puts each in front of those it has.
  set.Walk({0, set.size()}, /*reverse=*/true, [&](std::string_view member, double score) {
    writer.String(member);
    writer.Double(score);
  });
}

// What a table's deadlines are counted from; each is one more than the distance, 0 is none.
uint64_t RelativeDeadline(UnixMillis deadline, UnixMillis first) {
  return deadline == kNoExpiry ? 0 : static_cast<uint64_t>(deadline - first) + 1;
}

void WriteHash(const Entry& entry, RdbType type, RdbWriter& writer) {
  if (type == RdbType::kHashListpack) return writer.String(PackOf(entry));
  const UnixMillis first = entry.member_deadline();
  if (type != RdbType::kHash) writer.Millis(first);
  if (type == RdbType::kHashListpackEx) return writer.String(PackOf(entry));
  static const store::EncodingLimits limits;  // Those matter only when a hash changes.
  const store::Hash hash(const_cast<Entry&>(entry), limits, /*now=*/0);
  writer.Length(hash.size());
  hash.ForEachWithDeadline(
      [&](const store::FieldText& field, const store::FieldText& value, UnixMillis deadline) {
        if (type == RdbType::kHashDeadlines) writer.Length(RelativeDeadline(deadline, first));
        WriteElement(field, writer);
        WriteElement(value, writer);
      });
}

}  // namespace

RdbType RdbTypeOf(const Entry& entry, int version) {
  switch (entry.type()) {
    case store::Type::kString:
      return RdbType::kString;
    case store::Type::kList:
      return version >= kWithListpacks ? RdbType::kListQuicklist2 : RdbType::kList;
    case store::Type::kSet:
      return TypeOfSet(entry, version);
    case store::Type::kSortedSet:
      return entry.encoding() == Encoding::kListpack && version >= kWithListpacks
                 ? RdbType::kSortedSetListpack
                 : RdbType::kSortedSet2;
    case store::Type::kHash:
      return TypeOfHash(entry, version);
    case store::Type::kStream:
      return TypeOfStream(version);
  }
  std::abort();
}

int VersionOfType(RdbType type) {
  if (type >= RdbType::kHashDeadlinesEarly) return kWithFieldDeadlines;
  if (type >= RdbType::kSetListpack) return kWithSetListpacks;
  return type >= RdbType::kHashListpack ? kWithListpacks : kRdbOldestWritten;
}

void WriteBody(const Entry& entry, RdbWriter& writer) {
  const RdbType type = RdbTypeOf(entry, writer.version());
  switch (entry.type()) {
    case store::Type::kString:
      return WriteString(entry, writer);
    case store::Type::kList:
      return WriteList(entry, type, writer);
    case store::Type::kSet:
      return WriteSet(entry, type, writer);
    case store::Type::kSortedSet:
      return WriteSortedSet(entry, type, writer);
    case store::Type::kHash:
      return WriteHash(entry, type, writer);
    case store::Type::kStream:
      return WriteStream(*static_cast<const store::Stream*>(entry.object()), type, writer);
  }
}

}  // namespace henge::persistence
