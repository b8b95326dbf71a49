// SPDX-License-Identifier: Apache-2.0
#include "store/list/list.h"

#include <algorithm>
#include <string>

#include "store/store.h"

namespace henge::store {
namespace {

constexpr size_t kFreedAtOnce = 64;  // Blocks.

Quicklist* AsQuicklist(const void* object) {
  return static_cast<Quicklist*>(const_cast<void*>(object));
}
Listpack AsPack(const void* object) { return Listpack(const_cast<void*>(object)); }

}  // namespace

// --- What entries need --------------------------------------------------------------------------

const ValueOperations kListOperations = {
    .make = [] { return static_cast<void*>(Listpack::New().block()); },
    .smallest = Encoding::kListpack,
    .free =
        [](Encoding encoding, void* object) {
          if (encoding == Encoding::kListpack) return std::free(object);
          delete AsQuicklist(object);
        },
    .memory =
        [](Encoding encoding, const void* object) {
          return encoding == Encoding::kListpack ? AsPack(object).MemoryBytes()
                                                 : AsQuicklist(object)->MemoryBytes();
        },
    .free_effort =
        [](Encoding encoding, const void* object) {
          return encoding == Encoding::kListpack ? 1 : AsQuicklist(object)->nodes();
        },
    .copy =
        [](Encoding encoding, const void* object) {
          if (encoding == Encoding::kListpack) {
            return static_cast<void*>(Listpack::Copy(AsPack(object).view()).block());
          }
          return static_cast<void*>(AsQuicklist(object)->Copy());
        },
    .empty =
        [](Encoding encoding, const void* object) {
          return encoding == Encoding::kListpack ? AsPack(object).empty()
                                                 : AsQuicklist(object)->size() == 0;
        },
};

// --- The handle ---------------------------------------------------------------------------------

List::~List() {
  if (garbage_.size() <= kFreedAtOnce) {
    for (const ListNode& node : garbage_) node.Free();
    return;
  }
  store_.reclaimer().Submit(
      [garbage = std::move(garbage_)] {
        for (const ListNode& node : garbage) node.Free();
      },
      1);
}

int List::fill() const {
  const int64_t fill =
      store_.settings().encodings.list_max_listpack_size.load(std::memory_order_relaxed);
  return static_cast<int>(fill);
}

size_t List::large() const {
  return static_cast<size_t>(
      store_.settings().encodings.list_packed_threshold.load(std::memory_order_relaxed));
}

void List::BeforeGrowth(size_t bytes, uint64_t elements) {
  if (!packed()) return;
  Listpack old = pack();
  if (ListNodeLimit::Of(fill()).Allows(old.bytes() + bytes, old.size() + elements)) return;
  auto* quicklist = new Quicklist(fill());
  if (old.empty()) {
    std::free(old.block());
  } else {
    quicklist->AppendPack(old);
  }
  entry_.set_object(Encoding::kQuicklist, quicklist);
}

void List::BecomeListpack(const ListNodeLimit& limit) {
  if (packed()) return;
  const auto sole = nodes().TakeSoleWithin(limit);
  if (!sole) return;
  delete &nodes();
  Keep(*sole);
}

void List::AfterShrinking() {
  if (packed()) return;
  ListNodeLimit limit = ListNodeLimit::Of(fill());
  limit.bytes /= 2;
  limit.count /= 2;
  BecomeListpack(limit);
}

void List::ChooseEncoding() {
  BeforeGrowth(0, 0);
  BecomeListpack(ListNodeLimit::Of(fill()));
}

// --- Reading ------------------------------------------------------------------------------------

std::optional<ListpackElement> ListView::Get(uint64_t index) const {
  if (index >= size()) return std::nullopt;
  std::optional<ListpackElement> found;
  Walk(index, 1, [&](const ListpackElement& element) { found = element; });
  return found;
}

ListpackElement ListView::First() const {
  if (packed()) return pack().Get(pack().First());
  const NodeIndex& index = quicklist()->index();
  const ListNode& node = index.At(index.First());
  return node.plain ? node.plain_element() : node.pack().Get(node.pack().First());
}

ListpackElement ListView::Last() const {
  if (packed()) return pack().Get(pack().Last());
  const NodeIndex& index = quicklist()->index();
  const ListNode& node = index.At(index.Last());
  return node.plain ? node.plain_element() : node.pack().Get(node.pack().Last());
}

namespace {

// Looks through one node; `looked_at` counts on. Returns whether to go on.
bool FindInNode(const ListNode& node, std::string_view text, const Listpack::Pattern& pattern,
                bool forward, uint64_t most, uint64_t& looked_at,
                absl::FunctionRef<bool(uint64_t)> fn) {
  if (node.plain) {
    const uint64_t at = looked_at++;
    return (node.text() != text || fn(at)) && looked_at < most;
  }
  const Listpack pack = node.pack();
  if (!pack.MayMatch(pattern)) {
    looked_at += std::min<uint64_t>(node.count, most - looked_at);
    return looked_at < most;
  }
  auto at = forward ? pack.First() : pack.Last();
  for (; at != Listpack::kNone && looked_at < most; ++looked_at) {
    if (pack.Matches(at, pattern) && !fn(looked_at)) return false;
    at = forward ? pack.Next(at) : pack.Prev(at);
  }
  return looked_at < most;
}

}  // namespace

void ListView::FindEach(std::string_view text, ListEnd from, uint64_t most,
                        absl::FunctionRef<bool(uint64_t)> fn) const {
  const bool forward = from == ListEnd::kHead;
  const uint64_t last = size() - 1;
  const auto report = [&](uint64_t passed) { return fn(forward ? passed : last - passed); };
  const Listpack::Pattern pattern(text);
  uint64_t looked_at = 0;
  if (packed()) {
    const ListNode node = ListNode::Packed(pack(), pack().size());
    FindInNode(node, text, pattern, forward, most, looked_at, report);
    return;
  }
  const NodeIndex& index = quicklist()->index();
  Position at = forward ? index.First() : index.Last();
  do {
    if (!forward) index.PrefetchPrevious(at);
    if (!FindInNode(index.At(at), text, pattern, forward, most, looked_at, report)) return;
  } while (forward ? index.Next(at) : index.Previous(at));
}

// --- Changing -----------------------------------------------------------------------------------

void List::Push(ListEnd end, std::span<const std::string_view> texts) {
  if (packed()) {
    size_t bytes = 0;
    for (const std::string_view text : texts) bytes += text.size();
    BeforeGrowth(bytes, texts.size());
  }
  if (!packed()) {
    if (end == ListEnd::kTail && texts.size() > 1) return nodes().Append(texts, large());
    for (const std::string_view text : texts) nodes().Push(end, text, large());
    return;
  }
  Listpack changed = pack();
  for (const std::string_view text : texts) {
    end == ListEnd::kHead ? changed.Prepend(text) : changed.Append(text);
  }
  Keep(changed);
}

void List::RemoveOuter(ListEnd end) {
  if (!packed()) return nodes().Pop(end);
  Listpack changed = pack();
  changed.Erase(end == ListEnd::kHead ? changed.First() : changed.Last());
  Keep(changed);
}

void List::Pop(ListEnd end) {
  RemoveOuter(end);
  AfterShrinking();
}

void List::Rotate(ListEnd from, ListEnd to) {
  ListpackElement::Digits digits;
  const std::string text(At(from).Text(digits));
  RemoveOuter(from);
  Push(to, text);
  AfterShrinking();
}

void List::Erase(uint64_t first, uint64_t count) {
  if (count == 0) return;
  if (!packed()) {
    nodes().Erase(first, count, garbage_);
    return AfterShrinking();
  }
  Listpack changed = pack();
  changed.Erase(changed.Seek(static_cast<int64_t>(first)),
                static_cast<uint32_t>(std::min<uint64_t>(count, changed.size())));
  Keep(changed);
}

void List::Trim(uint64_t first, uint64_t count) {
  const uint64_t end = std::min(size(), first + count);
  Erase(end, size() - end);
  Erase(0, std::min(first, size()));
}

bool List::Set(uint64_t index, std::string_view text) {
  BeforeGrowth(text.size(), 1);  // Also where there is no such element, as Redis.
  if (index >= size()) return false;
  if (packed()) {
    Listpack changed = pack();
    changed.Replace(changed.Seek(static_cast<int64_t>(index)), text);
    Keep(changed);
    return true;
  }
  nodes().Replace(nodes().index().Find(index), text, large());
  AfterShrinking();
  return true;
}

std::optional<List::Found> List::FindFirst(std::string_view text) const {
  const Listpack::Pattern pattern(text);
  const NodeIndex& index = nodes().index();
  if (index.nodes() == 0) return std::nullopt;
  Position at = index.First();
  do {
    std::optional<uint64_t> found;
    uint64_t looked_at = 0;
    FindInNode(index.At(at), text, pattern, true, UINT64_MAX, looked_at, [&](uint64_t offset) {
      found = offset;
      return false;
    });
    if (found) return Found{at, static_cast<uint32_t>(*found)};
  } while (index.Next(at));
  return std::nullopt;
}

bool List::Insert(std::string_view pivot, bool after, std::string_view text) {
  BeforeGrowth(text.size(), 1);  // Also where there is no pivot, as Redis.
  if (!packed()) {
    const auto found = FindFirst(pivot);
    if (found) nodes().Insert(*found, after, text, large());
    return found.has_value();
  }
  Listpack changed = pack();
  Listpack::At at = changed.Find(pivot, changed.First());
  if (at == Listpack::kNone) return false;
  if (after) at = changed.Next(at);
  changed.Insert(at == Listpack::kNone ? changed.End() : at, text);
  Keep(changed);
  return true;
}

uint64_t List::Remove(std::string_view text, uint64_t limit, ListEnd from) {
  if (!packed()) {
    const uint64_t removed = nodes().Remove(text, limit, from, garbage_);
    if (removed > 0) AfterShrinking();
    return removed;
  }
  Listpack changed = pack();
  const Listpack::Pattern pattern(text);
  const uint32_t matches = changed.CountMatches(pattern);
  const auto removed = static_cast<uint32_t>(std::min<uint64_t>(matches, limit));
  const uint32_t skip = from == ListEnd::kHead ? 0 : matches - removed;
  if (removed > 0) changed.EraseMatches(pattern, skip, removed);
  Keep(changed);
  return removed;
}

}  // namespace henge::store
