// SPDX-License-Identifier: Apache-2.0
#include "commands/sorting/order.h"

#include <algorithm>
#include <numeric>

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
  std::vector<uint32_t> indexes(rows.size());
  std::iota(indexes.begin(), indexes.end(), 0u);
  const Before before(rows, order);
  if (window.end < rows.size() / kPartialShare) {
    const auto end = indexes.begin() + static_cast<std::ptrdiff_t>(window.end);
    std::partial_sort(indexes.begin(), end, indexes.end(), before);
  } else {
    std::sort(indexes.begin(), indexes.end(), before);
  }
  return indexes;
}

}  // namespace henge::commands
