// SPDX-License-Identifier: Apache-2.0
#include "commands/sorting/order.h"

#include <algorithm>
#include <bit>

#include "base/numbers.h"

namespace henge::commands {
namespace {

// A window that ends before this share of the rows is worth a partial sort.
constexpr size_t kPartialShare = 4;

class Before {
 public:
  Before(const std::vector<SortRow>& rows, const SortOrder& order) : rows_(rows), order_(order) {}

  bool operator()(uint32_t a, uint32_t b) const {
    const int order = Compare(rows_[a], rows_[b]);
    if (order == 0) return a < b;
    return order_.descending ? order > 0 : order < 0;
  }

 private:
  int Compare(const SortRow& a, const SortRow& b) const {
    if (!order_.alpha) {
      if (a.number != b.number) return a.number < b.number ? -1 : 1;
      return a.element.compare(b.element);
    }
    if (!order_.by_text) return a.element.compare(b.element);
    if (a.text != b.text) return a.text < b.text ? -1 : 1;
    return order_.places_mean ? 0 : a.element.compare(b.element);
  }

  const std::vector<SortRow>& rows_;
  const SortOrder& order_;
};

// --- Short keys: numbers that order as the rows do, but for ties --------------------------------

struct Keyed {
  uint64_t key;
  uint32_t row;
};

uint64_t KeyOf(double number) {
  const uint64_t bits = std::bit_cast<uint64_t>(number + 0.0);  // -0 + 0 is 0.
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

// Of eight bytes from `skip` on, as many as there are.
uint64_t KeyOf(std::string_view text, size_t skip) {
  text.remove_prefix(std::min(skip, text.size()));
  uint64_t key = 0;
  for (size_t i = 0; i < 8; ++i) {
    key = key << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0);
  }
  return key;
}

std::string_view TextOf(const SortRow& row, const SortOrder& order) {
  if (!order.by_text) return row.element;
  return row.text ? std::string_view(*row.text) : std::string_view();
}

size_t CommonPrefix(const std::vector<SortRow>& rows, const SortOrder& order) {
  const std::string_view first = TextOf(rows[0], order);
  size_t common = first.size();
  for (const SortRow& row : rows) {
    const std::string_view text = TextOf(row, order);
    common = std::min(common, text.size());
    if (first.substr(0, common) == text.substr(0, common)) continue;
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(common);
    common =
        static_cast<size_t>(std::mismatch(first.begin(), end, text.begin()).first - first.begin());
  }
  return common;
}

std::vector<Keyed> KeysOf(const std::vector<SortRow>& rows, const SortOrder& order) {
  std::vector<Keyed> keyed(rows.size());
  const size_t skip = order.alpha && !rows.empty() ? CommonPrefix(rows, order) : 0;
  for (uint32_t i = 0; i < rows.size(); ++i) {
    keyed[i] = {order.alpha ? KeyOf(TextOf(rows[i], order), skip) : KeyOf(rows[i].number), i};
  }
  return keyed;
}

}  // namespace

std::optional<double> SortNumber(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  text = text.substr(0, text.find('\0'));
  if (text.empty()) return 0;
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return ParseDouble(text);
}

std::vector<uint32_t> SortedRows(const std::vector<SortRow>& rows, const SortOrder& order,
                                 const SortWindow& window) {
  std::vector<Keyed> keyed = KeysOf(rows, order);
  const Before tied(rows, order);
  const auto before = [&](const Keyed& a, const Keyed& b) {
    if (a.key == b.key) return tied(a.row, b.row);
    return order.descending ? a.key > b.key : a.key < b.key;
  };
  if (window.end < rows.size() / kPartialShare) {
    const auto end = keyed.begin() + static_cast<std::ptrdiff_t>(window.end);
    std::partial_sort(keyed.begin(), end, keyed.end(), before);
  } else {
    std::sort(keyed.begin(), keyed.end(), before);
  }
  std::vector<uint32_t> indexes;
  indexes.reserve(keyed.size());
  for (const Keyed& row : keyed) indexes.push_back(row.row);
  return indexes;
}

}  // namespace henge::commands
