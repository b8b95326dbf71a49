// SPDX-License-Identifier: Apache-2.0
#include "store/stream/stream_block.h"

namespace henge::store {
namespace {

constexpr uint32_t kFixedElements = 3;  // Flags and the two parts of the ID.

// IDs are told as differences modulo 2^64: a later millisecond may have a lower number.
int64_t Difference(uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b); }
uint64_t Sum(uint64_t a, int64_t b) { return a + static_cast<uint64_t>(b); }

void AddEntry(ListpackRun& run, const StreamId& base, const StreamId& id, StreamPairs pairs,
              bool same_fields) {
  const size_t fields = pairs.size() / 2;
  run.Add(same_fields ? int64_t{BlockEntry::kSameFields} : 0);
  run.Add(Difference(id.ms, base.ms));
  run.Add(Difference(id.seq, base.seq));
  if (!same_fields) run.Add(static_cast<int64_t>(fields));
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (!same_fields) run.Add(pairs[i]);
    run.Add(pairs[i + 1]);
  }
  run.Add(static_cast<int64_t>(same_fields ? fields + kFixedElements
                                           : 2 * fields + 1 + kFixedElements));
}

// Whether the pairs' fields are the master's, in its order.
bool HasMasterFields(const Listpack& pack, StreamPairs pairs) {
  Listpack::At at = pack.Next(pack.Next(pack.First()));
  if (pack.Get(at).integer != static_cast<int64_t>(pairs.size() / 2)) return false;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    at = pack.Next(at);
    if (!pack.Equals(at, pairs[i])) return false;
  }
  return true;
}

}  // namespace

// --- Walking ------------------------------------------------------------------------------------

BlockWalk::BlockWalk(const StreamBlock& block) : pack_(block.pack), base_(block.id) {
  const Listpack::At fields = pack_.Next(pack_.Next(pack_.First()));
  master_fields_ = static_cast<uint32_t>(pack_.Get(fields).integer);
  master_field_ = pack_.Next(fields);
  Listpack::At at = master_field_;
  for (uint32_t i = 0; i < master_fields_; ++i) at = pack_.Next(at);
  master_end_ = pack_.Next(at);  // Behind the zero.
}

bool BlockWalk::Read(Listpack::At at) {
  if (at == Listpack::kNone) return false;
  entry_.flags_at = at;
  entry_.flags = pack_.Get(at).integer;
  at = pack_.Next(at);
  entry_.id.ms = Sum(base_.ms, pack_.Get(at).integer);
  at = pack_.Next(at);
  entry_.id.seq = Sum(base_.seq, pack_.Get(at).integer);
  at = pack_.Next(at);
  if (entry_.same_fields()) {
    entry_.fields = master_fields_;
    entry_.first_field = master_field_;
    entry_.first_value = at;
  } else {
    entry_.fields = static_cast<uint32_t>(pack_.Get(at).integer);
    entry_.first_field = pack_.Next(at);
    entry_.first_value = Listpack::kNone;
  }
  return true;
}

Listpack::At BlockWalk::End(const BlockEntry& entry) const {
  Listpack::At at = entry.same_fields() ? entry.first_value : entry.first_field;
  uint32_t elements = entry.same_fields() ? entry.fields : 2 * entry.fields;
  while (elements-- > 0) at = pack_.Next(at);
  return pack_.Next(at);  // Behind the number of elements.
}

bool BlockWalk::ToLast() {
  Listpack::At at = pack_.Last();
  int64_t elements = pack_.Get(at).integer;
  if (elements == 0) return false;  // The master's zero.
  while (elements-- > 0) at = pack_.Prev(at);
  return Read(at);
}

bool BlockWalk::Previous() {
  Listpack::At at = pack_.Prev(entry_.flags_at);
  int64_t elements = pack_.Get(at).integer;
  if (elements == 0) return false;
  while (elements-- > 0) at = pack_.Prev(at);
  return Read(at);
}

// --- Changing -----------------------------------------------------------------------------------

StreamBlock NewBlock(const StreamId& id, StreamPairs pairs) {
  ListpackRun run;
  run.Add(int64_t{1});
  run.Add(int64_t{0});
  run.Add(static_cast<int64_t>(pairs.size() / 2));
  for (size_t i = 0; i < pairs.size(); i += 2) run.Add(pairs[i]);
  run.Add(int64_t{0});
  AddEntry(run, id, id, pairs, true);
  Listpack pack = Listpack::New();
  pack.Append(run);
  return {id, pack.block(), 1, 1};
}

void AppendTo(StreamBlock& block, const StreamId& id, StreamPairs pairs) {
  Listpack pack = block.listpack();
  ListpackRun run;
  AddEntry(run, block.id, id, pairs, HasMasterFields(pack, pairs));
  pack.Replace(pack.First(), int64_t{block.live} + 1);
  pack.Append(run);
  block.pack = pack.block();
  ++block.live;
  ++block.entries;
}

void SetFlags(StreamBlock& block, const BlockEntry& entry, int64_t flags) {
  Listpack pack = block.listpack();
  pack.Replace(entry.flags_at, flags);  // Always two bytes: nothing moves.
  block.pack = pack.block();
}

void MoveToDeleted(StreamBlock& block, uint32_t entries) {
  block.live -= entries;
  Listpack pack = block.listpack();
  pack.Replace(pack.First(), int64_t{block.live});
  pack.Replace(pack.Next(pack.First()), int64_t{block.entries - block.live});
  block.pack = pack.block();
}

void DeleteEntry(StreamBlock& block, const BlockEntry& entry) {
  SetFlags(block, entry, entry.flags | BlockEntry::kDeleted);
  MoveToDeleted(block, 1);
}

// --- From outside -------------------------------------------------------------------------------

namespace {

// Reads integers and passes over elements, until something is missing.
class BlockCheck {
 public:
  explicit BlockCheck(const Listpack& pack) : pack_(pack), at_(pack.First()) {}

  bool ok() const { return ok_; }
  bool AtEnd() const { return at_ == Listpack::kNone; }
  int64_t Integer() {
    if (AtEnd() || !pack_.Get(at_).is_integer()) {
      ok_ = false;
      return 0;
    }
    const int64_t value = pack_.Get(at_).integer;
    at_ = pack_.Next(at_);
    return value;
  }
  // A number of things of which each takes an element at least.
  uint32_t Count() {
    const int64_t count = Integer();
    if (count < 0 || count > int64_t{1} << 29) ok_ = false;
    return ok_ ? static_cast<uint32_t>(count) : 0;
  }
  void Skip(uint32_t elements) {
    for (; ok_ && elements > 0; --elements) {
      if (AtEnd()) {
        ok_ = false;
      } else {
        at_ = pack_.Next(at_);
      }
    }
  }

 private:
  const Listpack& pack_;
  Listpack::At at_;
  bool ok_ = true;
};

}  // namespace

std::optional<StreamBlock> ValidateBlock(const StreamId& id, std::string_view bytes) {
  if (!Listpack::Validate(bytes)) return std::nullopt;
  const Listpack pack(const_cast<char*>(bytes.data()));
  BlockCheck check(pack);
  const uint32_t live = check.Count();
  const uint32_t deleted = check.Count();
  const uint32_t master_fields = check.Count();
  check.Skip(master_fields);
  if (check.Integer() != 0 || !check.ok()) return std::nullopt;

  uint32_t seen_deleted = 0;
  std::optional<StreamId> last;
  for (uint32_t i = 0; i < live + deleted; ++i) {
    const int64_t flags = check.Integer();
    if ((flags & ~int64_t{BlockEntry::kDeleted | BlockEntry::kSameFields}) != 0)
      return std::nullopt;
    const bool same = (flags & BlockEntry::kSameFields) != 0;
    seen_deleted += (flags & BlockEntry::kDeleted) != 0 ? 1 : 0;
    StreamId entry;
    entry.ms = Sum(id.ms, check.Integer());
    entry.seq = Sum(id.seq, check.Integer());
    const uint32_t fields = same ? master_fields : check.Count();
    check.Skip(same ? fields : 2 * fields);
    const int64_t elements =
        same ? int64_t{fields} + kFixedElements : 2 * int64_t{fields} + 1 + kFixedElements;
    if (check.Integer() != elements || !check.ok()) return std::nullopt;
    if (last ? entry <= *last : entry < id) return std::nullopt;
    last = entry;
  }
  if (!check.AtEnd() || seen_deleted != deleted) return std::nullopt;
  return StreamBlock{id, nullptr, live, live + deleted};
}

}  // namespace henge::store
