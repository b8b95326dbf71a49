// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/rdb_check.h"

#include <fmt/format.h>

#include <iterator>

#include "persistence/rdb/file_parser.h"
#include "persistence/rdb/value_reader.h"

namespace henge::persistence {
namespace {

class Checker final : public RdbVisitor {
 public:
  explicit Checker(RdbSummary& summary) : summary_(summary) {}

  void OnVersion(int version) override { summary_.version = version; }
  void OnAux(std::string_view name, std::string_view value) override {
    summary_.aux.emplace_back(name, value);
  }
  absl::Status OnFunction(std::string_view) override {
    ++summary_.functions;
    return absl::OkStatus();
  }
  absl::Status OnKey(const RdbKey& key) override {
    RdbReader reader(key.body, key.offset);
    const auto entry = ReadValue(reader, key.type, key.key, key.expiry, limits_);
    if (entry.status().code() == absl::StatusCode::kNotFound) {
      ++summary_.empty_keys;
      return absl::OkStatus();
    }
    if (!entry.ok()) {
      return absl::Status(entry.status().code(),
                          fmt::format("{}, in the {} at key '{}' of database {}",
                                      std::string(entry.status().message()), RdbTypeName(key.type),
                                      key.key.substr(0, kShownKey), key.db));
    }
    ++summary_.keys;
    if (key.expiry != kNoExpiry) ++summary_.keys_with_expiry;
    ++summary_.types[key.type];
    return absl::OkStatus();
  }
  void OnSkipped(std::string_view what) override {
    if (summary_.skipped++ < RdbSummary::kMostSkipped) summary_.skips.emplace_back(what);
  }

 private:
  static constexpr size_t kShownKey = 100;
  RdbSummary& summary_;
  store::EncodingLimits limits_;
};

}  // namespace

absl::Status CheckRdb(std::string_view file, RdbSummary& summary) {
  Checker checker(summary);
  RdbFileParser parser(checker);
  const auto taken = parser.Parse(file, /*last=*/true);
  summary.bytes = parser.offset();
  if (!taken.ok()) return taken.status();
  summary.trailing = file.size() - *taken;
  return absl::OkStatus();
}

std::string Print(const RdbSummary& summary) {
  std::string text;
  auto out = std::back_inserter(text);
  if (summary.version > 0) fmt::format_to(out, "RDB version {}\n", summary.version);
  for (const auto& [name, value] : summary.aux) fmt::format_to(out, "  {} = {}\n", name, value);
  fmt::format_to(out, "{} keys, {} of them with a deadline; {} functions\n", summary.keys,
                 summary.keys_with_expiry, summary.functions);
  for (size_t type = 0; type < summary.types.size(); ++type) {
    if (summary.types[type] == 0) continue;
    fmt::format_to(out, "  {:<20} {}\n", RdbTypeName(static_cast<uint8_t>(type)),
                   summary.types[type]);
  }
  if (summary.empty_keys > 0) {
    fmt::format_to(out, "{} keys of collections without elements: loading leaves them out\n",
                   summary.empty_keys);
  }
  for (const std::string& what : summary.skips) fmt::format_to(out, "left out: {}\n", what);
  if (summary.skipped > summary.skips.size()) {
    fmt::format_to(out, "… and {} more\n", summary.skipped - summary.skips.size());
  }
  if (summary.trailing > 0) {
    fmt::format_to(out, "{} bytes behind the end, which are not the file's\n", summary.trailing);
  }
  return text;
}

}  // namespace henge::persistence
