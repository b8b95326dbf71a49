// SPDX-License-Identifier: Apache-2.0
#include "commands/sorting/request.h"

#include <algorithm>

#include "base/strings.h"

namespace henge::commands {
namespace {

void ReadBy(ArgReader& args, SortRequest& request, bool in_cluster) {
  const SortPattern by = SortPattern::Parse(args.Next());
  request.by = by;
  if (!by.reads_keys()) {
    request.sorts = false;
  } else if (in_cluster) {
    args.Fail("ERR BY option of SORT denied in Cluster mode.");
  }
}

void ReadGet(ArgReader& args, SortRequest& request, bool in_cluster) {
  if (in_cluster) return args.Fail("ERR GET option of SORT denied in Cluster mode.");
  request.get.push_back(SortPattern::Parse(args.Next()));
}

// How many words an option takes besides its own; 0 for those that take none, and for what is none.
size_t WordsOf(std::string_view option) {
  if (EqualsIgnoreCase(option, "LIMIT")) return 2;
  for (const std::string_view name : {"BY", "GET", "STORE"}) {
    if (EqualsIgnoreCase(option, name)) return 1;
  }
  return 0;
}

// Calls fn(index of the option) for each option of a whole call.
template <class F>
void ForEachOption(std::span<const std::string_view> argv, F fn) {
  for (size_t i = 2; i < argv.size(); i += 1 + WordsOf(argv[i])) fn(i);
}

}  // namespace

SortWindow SortRequest::WindowOf(size_t size) const {
  const auto limit = static_cast<int64_t>(size);
  const int64_t first = std::clamp<int64_t>(offset, 0, limit);
  const int64_t rows = count < 0 ? limit : std::min(count, limit);
  return {static_cast<size_t>(first), static_cast<size_t>(std::min(first + rows, limit))};
}

SortRequest ReadSortRequest(ArgReader& args, SortKind kind, bool in_cluster) {
  SortRequest request;
  request.source = args.Next();
  while (args.ok() && !args.empty()) {
    const std::string_view option = args.Next();
    const size_t words = args.left();
    if (EqualsIgnoreCase(option, "ASC")) {
      request.descending = false;
    } else if (EqualsIgnoreCase(option, "DESC")) {
      request.descending = true;
    } else if (EqualsIgnoreCase(option, "ALPHA")) {
      request.alpha = true;
    } else if (EqualsIgnoreCase(option, "LIMIT") && words >= 2) {
      request.offset = args.Integer();
      request.count = args.Integer();
    } else if (kind == SortKind::kMayStore && EqualsIgnoreCase(option, "STORE") && words >= 1) {
      request.destination = args.Next();
    } else if (EqualsIgnoreCase(option, "BY") && words >= 1) {
      ReadBy(args, request, in_cluster);
    } else if (EqualsIgnoreCase(option, "GET") && words >= 1) {
      ReadGet(args, request, in_cluster);
    } else {
      args.FailSyntax();
    }
  }
  return request;
}

void RefineSortReadOnlyKeys(std::span<const std::string_view> argv,
                            std::vector<KeyPosition>& found) {
  ForEachOption(argv, [&](size_t i) {
    if (i + 1 == argv.size()) return;
    const bool pattern = EqualsIgnoreCase(argv[i], "BY") || EqualsIgnoreCase(argv[i], "GET");
    if (pattern && SortPattern::Parse(argv[i + 1]).reads_keys()) found[0].flags |= kIncomplete;
  });
}

void RefineSortKeys(std::span<const std::string_view> argv, std::vector<KeyPosition>& found) {
  RefineSortReadOnlyKeys(argv, found);
  int store = 0;
  ForEachOption(argv, [&](size_t i) {
    if (EqualsIgnoreCase(argv[i], "STORE") && i + 1 < argv.size()) store = static_cast<int>(i) + 1;
  });
  if (store != 0) found.push_back({store, kOW | kUpdate});
}

}  // namespace henge::commands
