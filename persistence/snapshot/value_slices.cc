// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/value_slices.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/prefetch.h"
#include "persistence/rdb/rdb_reader.h"
#include "persistence/rdb/value_writer.h"
#include "persistence/snapshot/stream_slices.h"
#include "store/hash/field_table.h"
#include "store/list/list.h"
#include "store/set/set.h"
#include "store/sorted_set/sorted_set.h"

namespace henge::persistence {
namespace {

using store::Encoding;
using store::Entry;
using store::ListpackElement;

constexpr size_t kGainsFrom = 21;        // Shorter strings are not compressed.
constexpr size_t kLongText = 64 * 1024;  // Longer ones may be cut; those are not, either.
constexpr uint64_t kWalkedAtOnce = 64;   // Elements, between two looks at the slice.

void WriteElement(const ListpackElement& element, SliceWriter& writer) {
  if (element.is_integer()) return writer.Integer(element.integer);
  writer.Text({element.data, element.size});
}

// One block that is written as a string.
class PackParts final : public ValueParts {
 public:
  // `first_deadline` stands before it, if there is one.
  PackParts(std::string_view block, UnixMillis first_deadline)
      : block_(block), first_deadline_(first_deadline) {}
  bool Write(SliceWriter& writer) override {
    if (first_deadline_ != kNoExpiry) {
      writer.Fixed({reinterpret_cast<const char*>(&first_deadline_), sizeof(first_deadline_)});
    }
    writer.Text(block_);
    return false;
  }

 private:
  std::string_view block_;
  UnixMillis first_deadline_;
};

// All at once: old forms of blocks, which are of some hundred kilobytes at most unless someone sets
// the limits so.
class WholeBody final : public ValueParts {
 public:
  explicit WholeBody(const Entry& entry) : entry_(entry) {}
  bool Write(SliceWriter& writer) override {
    std::string body;
    RdbWriter plain(body, {.version = writer.version(), .compress = false});
    WriteBody(entry_, plain);
    writer.Fixed(body);
    return false;
  }

 private:
  const Entry& entry_;
};

class QuicklistNodes final : public ValueParts {
 public:
  explicit QuicklistNodes(const store::Quicklist& list) : index_(list.index()) {}
  bool Write(SliceWriter& writer) override {
    if (!begun_) writer.Length(index_.nodes());
    begun_ = true;
    if (index_.nodes() == 0) return false;
    const store::ListNode& node = index_.At(at_);
    writer.Length(node.plain ? kPlainNode : kPackedNode);
    writer.Text(node.plain ? node.text() : node.pack().view());
    return index_.Next(at_);
  }

 private:
  const store::NodeIndex& index_;
  store::NodeIndex::Position at_;
  bool begun_ = false;
};

// As files had them before there were quicklists.
class ListElements final : public ValueParts {
 public:
  explicit ListElements(const Entry& entry) : list_(entry) {}
  bool Write(SliceWriter& writer) override {
    if (written_ == 0) writer.Length(list_.size());
    const uint64_t count = std::min(kWalkedAtOnce, list_.size() - written_);
    list_.Walk(written_, count, [&](const ListpackElement& e) { WriteElement(e, writer); });
    written_ += count;
    return written_ < list_.size();
  }

 private:
  store::ListView list_;
  uint64_t written_ = 0;
};

// Goes through a table's items: some are found first, then read, when they have come from memory.
template <class Item>
class Batch {
 public:
  void Add(const Item* item) {
    PrefetchLine(item);
    items_.push_back(item);
  }
  bool full() const { return items_.size() >= kWalkedAtOnce; }
  template <class F>
  void Take(F f) {
    for (const Item* item : items_) f(*item);
    items_.clear();
  }

 private:
  std::vector<const Item*> items_;
};

class SetMembers final : public ValueParts {
 public:
  explicit SetMembers(const store::LargeSet& set) : set_(set) {}
  bool Write(SliceWriter& writer) override {
    if (!begun_) writer.Length(set_.size());
    begun_ = true;
    do {
      cursor_ = set_.members().Scan(cursor_, [&](const store::SetMember* m) { batch_.Add(m); });
    } while (cursor_ != 0 && !batch_.full());
    batch_.Take([&](const store::SetMember& member) { writer.Text(member.bytes()); });
    return cursor_ != 0;
  }

 private:
  const store::LargeSet& set_;
  Batch<store::SetMember> batch_;
  uint64_t cursor_ = 0;
  bool begun_ = false;
};

class SortedMembers final : public ValueParts {
 public:
  explicit SortedMembers(const store::LargeSortedSet& set) : set_(set), left_(set.size()) {}
  bool Write(SliceWriter& writer) override {
    if (!begun_) writer.Length(left_);
    begun_ = true;
    if (left_ == 0) return false;
    // The highest first: so Redis puts each in front of those it has.
    auto at = set_.tree().At(left_ - 1);
    for (; left_ > 0 && !batch_.full(); --left_, at.Previous()) batch_.Add(*at);
    batch_.Take([&](const store::Member& member) {
      writer.Text(member.bytes());
      const double score = member.score();
      writer.Fixed({reinterpret_cast<const char*>(&score), sizeof(score)});
    });
    return left_ > 0;
  }

 private:
  const store::LargeSortedSet& set_;
  Batch<store::Member> batch_;
  size_t left_;
  bool begun_ = false;
};

class HashFields final : public ValueParts {
 public:
  HashFields(const Entry& entry, RdbType type)
      : fields_(*static_cast<const store::FieldTable*>(entry.object())),
        with_deadlines_(type == RdbType::kHashDeadlines),
        first_(entry.member_deadline()) {}
  bool Write(SliceWriter& writer) override {
    if (!begun_) {
      if (with_deadlines_) writer.Fixed({reinterpret_cast<const char*>(&first_), sizeof(first_)});
      writer.Length(fields_.size());
    }
    begun_ = true;
    do {
      cursor_ = fields_.Scan(cursor_, [&](const store::FieldRecord* r) { batch_.Add(r); });
    } while (cursor_ != 0 && !batch_.full());
    batch_.Take([&](const store::FieldRecord& record) {
      if (with_deadlines_) writer.Length(Relative(record.deadline()));
      writer.Text(record.field());
      writer.Text(record.value());
    });
    return cursor_ != 0;
  }

 private:
  // One more than the distance to the first; 0 is none.
  uint64_t Relative(UnixMillis deadline) const {
    return deadline == kNoExpiry ? 0 : static_cast<uint64_t>(deadline - first_) + 1;
  }

  const store::FieldTable& fields_;
  Batch<store::FieldRecord> batch_;
  const bool with_deadlines_;
  const UnixMillis first_;
  uint64_t cursor_ = 0;
  bool begun_ = false;
};

std::unique_ptr<ValueParts> PartsOf(const Entry& entry, int version) {
  const RdbType type = RdbTypeOf(entry, version);
  switch (type) {
    case RdbType::kStream:
    case RdbType::kStream2:
    case RdbType::kStream3:
      return PartsOfStream(*static_cast<const store::Stream*>(entry.object()), type);
    case RdbType::kSetIntset:
      return std::make_unique<PackParts>(store::Intset(entry.object()).view(), kNoExpiry);
    case RdbType::kHashListpack:
    case RdbType::kSetListpack:
    case RdbType::kSortedSetListpack:
      return std::make_unique<PackParts>(store::Listpack(entry.object()).view(), kNoExpiry);
    case RdbType::kHashListpackEx:
      return std::make_unique<PackParts>(store::Listpack(entry.object()).view(),
                                         entry.member_deadline());
    case RdbType::kList:
      return std::make_unique<ListElements>(entry);
    case RdbType::kListQuicklist2:
      if (entry.encoding() != Encoding::kQuicklist) break;
      return std::make_unique<QuicklistNodes>(
          *static_cast<const store::Quicklist*>(entry.object()));
    case RdbType::kSet:
      if (entry.encoding() != Encoding::kHashtable) break;
      return std::make_unique<SetMembers>(*static_cast<const store::LargeSet*>(entry.object()));
    case RdbType::kSortedSet2:
      if (entry.encoding() != Encoding::kSkiplist) break;
      return std::make_unique<SortedMembers>(
          *static_cast<const store::LargeSortedSet*>(entry.object()));
    case RdbType::kHash:
    case RdbType::kHashDeadlines:
      if (entry.encoding() != Encoding::kHashtable) break;
      return std::make_unique<HashFields>(entry, type);
    default:
      break;
  }
  return std::make_unique<WholeBody>(entry);
}

}  // namespace

void AppendSlice(const RecordSlice& slice, RdbWriter& writer) {
  const std::string_view bytes = slice.bytes;
  size_t passed = 0;
  std::string scratch;
  if (writer.options().compress) {
    for (const size_t at : slice.texts) {
      RdbReader in(bytes.substr(at));
      const std::string_view text = in.String(scratch);
      writer.Raw(bytes.substr(passed, at - passed));
      writer.String(text);
      passed = at + in.position();
    }
  }
  writer.Raw(bytes.substr(passed));
}

// --- SliceWriter --------------------------------------------------------------------------------

void SliceWriter::Begin(RecordSlice& slice) {
  slice_ = &slice;
  end_ = slice.bytes.size() + kBytes;
  left_ = kParts;
  Continue();
}

void SliceWriter::Continue() {
  while (!kept_.empty() && slice_->bytes.size() < end_) {
    Piece& piece = kept_.front();
    slice_->bytes.append(piece.own);
    piece.own.clear();
    const size_t room = end_ - std::min(end_, slice_->bytes.size());
    const size_t taken = std::min(room, piece.text.size());
    slice_->bytes.append(piece.text.substr(0, taken));
    piece.text.remove_prefix(taken);
    if (piece.text.empty()) kept_.pop_front();
  }
}

// Order is kept: nothing goes to the slice while something waits.
template <class F>
void SliceWriter::Put(F put) {
  if (kept_.empty()) {
    RdbWriter writer(slice_->bytes, options_);
    return put(writer);
  }
  if (!kept_.back().text.empty()) kept_.emplace_back();
  RdbWriter writer(kept_.back().own, options_);
  put(writer);
}

void SliceWriter::Length(uint64_t length) {
  Put([=](RdbWriter& writer) { writer.Length(length); });
}

void SliceWriter::Integer(int64_t value) {
  if (left_ > 0) --left_;
  Put([=](RdbWriter& writer) { writer.Integer(value); });
}

void SliceWriter::Fixed(std::string_view bytes) {
  if (left_ > 0) --left_;
  Put([=](RdbWriter& writer) { writer.Raw(bytes); });
}

void SliceWriter::Text(std::string_view text) {
  if (left_ > 0) --left_;
  if (text.size() <= kLongText) {
    if (kept_.empty() && text.size() >= kGainsFrom) slice_->texts.push_back(slice_->bytes.size());
    return Put([=](RdbWriter& writer) { writer.String(text); });
  }
  Length(text.size());
  if (kept_.empty() || !kept_.back().text.empty()) kept_.emplace_back();
  kept_.back().text = text;
  Continue();
}

// --- ValueSlices --------------------------------------------------------------------------------

ValueSlices::ValueSlices(const Entry& entry, int version)
    : writer_(version), parts_(PartsOf(entry, version)) {}

bool ValueSlices::Next(RecordSlice& slice) {
  writer_.Begin(slice);
  while (more_ && !writer_.full()) more_ = parts_->Write(writer_);
  return more_ || writer_.keeps();
}

}  // namespace henge::persistence
