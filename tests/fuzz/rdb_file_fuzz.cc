// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file, checked as --check-rdb does; and that feeding them in pieces, whose size the
// first byte gives, comes to the same. A header is put before them, so that more is read.
//
// A record that is not whole is gone over from its beginning the next time, so nobody comes again
// before there is twice as much of it (CommandBase, Loader): no more does this, or a list of 32,000
// members that comes byte by byte would take minutes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "persistence/rdb/file_parser.h"
#include "persistence/rdb/rdb_check.h"

namespace {

namespace persistence = henge::persistence;

class Counting final : public persistence::RdbVisitor {
 public:
  absl::Status OnFunction(std::string_view code) override { return Count(code.size()); }
  absl::Status OnKey(const persistence::RdbKey& key) override {
    return Count(key.key.size() + key.body.size() + key.type + key.db);
  }
  void OnSkipped(std::string_view) override { ++parts; }
  uint64_t parts = 0;
  uint64_t sum = 0;

 private:
  absl::Status Count(uint64_t size) {
    ++parts;
    sum += parts * size;
    return absl::OkStatus();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string file = "REDIS0012";
  file.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  persistence::RdbSummary summary;
  (void)persistence::CheckRdb(file, summary);

  Counting whole;
  persistence::RdbFileParser at_once(whole, {.verify_checksum = false});
  const bool sound = at_once.Parse(file, true).ok();
  Counting pieces;
  persistence::RdbFileParser fed(pieces, {.verify_checksum = false});
  size_t begin = 0;
  size_t end = 0;
  size_t piece = 0;
  bool good = true;
  while (good && !fed.done()) {
    const bool last = end == file.size();
    end = std::min(file.size(), end + 1 + data[0] + piece);
    const auto taken = fed.Parse(std::string_view(file).substr(begin, end - begin), last);
    good = taken.ok() && !(last && !fed.done() && *taken == 0);
    if (!taken.ok()) break;
    begin += *taken;
    piece = *taken == 0 ? end - begin : 0;
  }
  if (good != sound || whole.parts != pieces.parts || whole.sum != pieces.sum) std::abort();
  return 0;
}
