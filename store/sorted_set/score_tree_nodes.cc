// SPDX-License-Identifier: Apache-2.0
#include "store/sorted_set/score_tree_nodes.h"

#include <cstring>

namespace henge::store {
namespace {

// Opens a gap of `n` at `index` of an array that holds `count`; or closes one.
template <class T>
void Open(T* array, int count, int index, int n) {
  std::memmove(array + index + n, array + index, static_cast<size_t>(count - index) * sizeof(T));
}
template <class T>
void Close(T* array, int count, int index, int n) {
  std::memmove(array + index, array + index + n,
               static_cast<size_t>(count - index - n) * sizeof(T));
}
template <class T>
void CopyItems(T* to, const T* from, int n) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
}

// How many of an ascending array are below `key`.
template <class K>
int CountBelow(const K* keys, int count, K key) {
  int first = 0;
  while (count > 0) {
    const int half = count / 2;
    const bool below = keys[first + half] < key;
    first = below ? first + half + 1 : first;
    count = below ? count - half - 1 : half;
  }
  return first;
}

// How many of the members [first, last) are before the bound.
template <class IsBefore>
int CountWhile(int first, int last, IsBefore is_before) {
  while (first < last) {
    const int middle = (first + last) / 2;
    if (is_before(middle)) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

// Where the keys that equal keys[first] end.
template <class K>
int EndOfTies(const K* keys, int count, int first, K key) {
  if (first == count || keys[first] != key) return first;
  if (first + 1 == count || keys[first + 1] != key) return first + 1;
  return CountWhile(first + 2, count, [&](int i) { return keys[i] == key; });
}

}  // namespace

ScoreTree::Bound ScoreTree::Bound::AtScore(double score) {
  return {By::kScore, false, KeyOf(score), {}};
}
ScoreTree::Bound ScoreTree::Bound::AfterScore(double score) {
  return {By::kScore, true, KeyOf(score), {}};
}
ScoreTree::Bound ScoreTree::Bound::AtMember(double score, std::string_view member) {
  return {By::kMember, false, KeyOf(score), member};
}
ScoreTree::Bound ScoreTree::Bound::AfterMember(double score, std::string_view member) {
  return {By::kMember, true, KeyOf(score), member};
}
ScoreTree::Bound ScoreTree::Bound::AtName(std::string_view member) {
  return {By::kName, false, 0, member};
}
ScoreTree::Bound ScoreTree::Bound::AfterName(std::string_view member) {
  return {By::kName, true, 0, member};
}

// --- Leaves -------------------------------------------------------------------------------------

int ScoreTree::Leaf::CountBefore(const Bound& bound) const {
  const auto by_record = [&](int i) { return bound.IsBehind(KeyOf(members[i]), members[i]); };
  if (bound.by_ == Bound::By::kName) return CountWhile(0, count, by_record);
  if (bound.key_ < base) return 0;
  if (!Covers(bound.key_)) return count;
  const uint32_t key = Short(bound.key_);
  const int first = CountBelow(keys, count, key);
  const int end = EndOfTies(keys, count, first, key);
  if (shift == 0 && bound.by_ == Bound::By::kScore) return bound.after_ ? end : first;
  return CountWhile(first, end, by_record);
}

void ScoreTree::Leaf::Cover(uint64_t low, uint64_t high, int min_shift) {
  if (count > 0) {
    low = std::min(low, Rough(0) << shift);
    high = std::max(high, (Rough(count - 1) << shift) | ((uint64_t{1} << shift) - 1));
  }
  // Room on both sides for as much again, so that this happens seldom.
  const uint64_t slack = std::max((high - low) / 2, uint64_t{1} << 30);
  low -= std::min(low, slack);
  high += std::min(~high, slack);
  int grown = std::max<int>(count > 0 ? shift : 0, min_shift);
  while ((high >> grown) - (low >> grown) > kMaxShort) ++grown;  // Never above 32.
  for (int i = 0; i < count; ++i) {
    keys[i] = static_cast<uint32_t>((Rough(i) >> (grown - shift)) - (low >> grown));
  }
  shift = static_cast<uint8_t>(grown);
  base = low >> grown << grown;
}

void ScoreTree::Leaf::Sharpen() {
  constexpr uint32_t kSharpEnough = 1 << 12;
  if (shift == 0 || count < 2 || keys[count - 1] - keys[0] >= kSharpEnough) return;
  const int n = count;
  count = 0;
  Cover(KeyOf(members[0]), KeyOf(members[n - 1]));
  count = static_cast<uint16_t>(n);
  for (int i = 0; i < n; ++i) keys[i] = Short(KeyOf(members[i]));
}

void ScoreTree::Leaf::Put(int index, uint64_t key, Member* member) {
  if (count == 0 || !Covers(key)) Cover(key, key);
  Open(keys, count, index, 1);
  Open(members, count, index, 1);
  keys[index] = Short(key);
  members[index] = member;
  ++count;
}

void ScoreTree::Leaf::Fill(std::span<Member* const> sorted) {
  Cover(KeyOf(sorted.front()), KeyOf(sorted.back()));
  count = static_cast<uint16_t>(sorted.size());
  for (int i = 0; i < count; ++i) {
    members[i] = sorted[static_cast<size_t>(i)];
    keys[i] = Short(KeyOf(members[i]));
  }
}

void ScoreTree::Leaf::Remove(int first, int n) {
  Close(keys, count, first, n);
  Close(members, count, first, n);
  count = static_cast<uint16_t>(count - n);
}

void ScoreTree::Leaf::Take(Leaf* from, int first, int n, int at) {
  const uint64_t low = from->Rough(first) << from->shift;
  const uint64_t high =
      (from->Rough(first + n - 1) << from->shift) | ((uint64_t{1} << from->shift) - 1);
  if (count == 0 || shift < from->shift || !Covers(low) || !Covers(high)) {
    Cover(low, high, from->shift);
  }
  Open(keys, count, at, n);
  Open(members, count, at, n);
  for (int i = 0; i < n; ++i) {
    const uint64_t rough = from->Rough(first + i) >> (shift - from->shift);
    keys[at + i] = static_cast<uint32_t>(rough - (base >> shift));
  }
  CopyItems(members + at, from->members + first, n);
  count = static_cast<uint16_t>(count + n);
  from->Remove(first, n);
}

// --- Inner nodes --------------------------------------------------------------------------------

int ScoreTree::Inner::CountBefore(const Bound& bound) const {
  const auto n = static_cast<int>(count);
  const auto by_record = [&](int i) { return bound.IsBehind(keys[i], firsts[i]); };
  if (bound.by_ == Bound::By::kName) return CountWhile(0, n, by_record);
  const int first = CountBelow(keys, n, bound.key_);
  const int end = EndOfTies(keys, n, first, bound.key_);
  if (bound.by_ == Bound::By::kScore) return bound.after_ ? end : first;
  return CountWhile(first, end, by_record);
}

void ScoreTree::Inner::Put(int index, Node* child, Member* first, size_t size) {
  const auto n = static_cast<int>(count);
  Open(keys, n, index, 1);
  Open(firsts, n, index, 1);
  Open(children, n, index, 1);
  Open(sizes, n, index, 1);
  children[index] = child;
  sizes[index] = size;
  SetFirst(index, first);
  ++count;
}

void ScoreTree::Inner::Remove(int first, int n) {
  const auto have = static_cast<int>(count);
  Close(keys, have, first, n);
  Close(firsts, have, first, n);
  Close(children, have, first, n);
  Close(sizes, have, first, n);
  count -= static_cast<uint64_t>(n);
}

void ScoreTree::Inner::Take(Inner* from, int first, int n) {
  CopyItems(keys + count, from->keys + first, n);
  CopyItems(firsts + count, from->firsts + first, n);
  CopyItems(children + count, from->children + first, n);
  CopyItems(sizes + count, from->sizes + first, n);
  count += static_cast<uint64_t>(n);
  from->Remove(first, n);
}

}  // namespace henge::store
