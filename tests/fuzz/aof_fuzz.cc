// SPDX-License-Identifier: Apache-2.0
// Any bytes as an append-only file and as a manifest. What the parser calls good must be good by
// itself and hold the same units; a tear must stay one when zeros follow. A manifest that is read
// must come back the same when it was written.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "persistence/aof/aof_parser.h"
#include "persistence/aof/manifest.h"

namespace {

using henge::persistence::AofParser;

struct Outcome {
  std::vector<std::string> words;  // Of all units; "|" between commands.
  AofParser::Result end;
  uint64_t good_until;
};

Outcome ReadAll(std::string_view content) {
  AofParser parser(content);
  Outcome outcome;
  AofParser::Result result;
  uint64_t before = 0;
  while ((result = parser.Next()) <= AofParser::Result::kAnnotation) {
    if (parser.good_until() <= before || parser.good_until() > content.size()) std::abort();
    before = parser.good_until();
    if (result != AofParser::Result::kUnit) continue;
    if (parser.commands() == 0) std::abort();
    for (size_t i = 0; i < parser.commands(); ++i) {
      if (parser.command(i).empty()) std::abort();
      outcome.words.insert(outcome.words.end(), parser.command(i).begin(), parser.command(i).end());
      outcome.words.emplace_back("|");
    }
  }
  outcome.end = result;
  outcome.good_until = parser.good_until();
  if ((result == AofParser::Result::kEnd) != parser.reason().empty()) std::abort();
  return outcome;
}

void CheckParser(std::string_view content) {
  const Outcome whole = ReadAll(content);
  const Outcome good = ReadAll(content.substr(0, whole.good_until));
  if (good.end != AofParser::Result::kEnd || good.words != whole.words) std::abort();
  if (whole.end != AofParser::Result::kTorn) return;
  const Outcome padded = ReadAll(std::string(content) + std::string(20, '\0'));
  if (padded.good_until < whole.good_until) std::abort();
}

void CheckManifest(std::string_view text) {
  (void)henge::persistence::LooksLikeManifest(text);
  const auto manifest = henge::persistence::ParseManifest(text);
  if (!manifest.ok()) return;
  const std::string written = henge::persistence::FormatManifest(*manifest);
  if (written.empty()) return;  // Comments only.
  if (written.find("\n", written.size() - 1) == std::string::npos) std::abort();
  const auto again = henge::persistence::ParseManifest(written);
  if (again.ok() && !(*again == *manifest)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 8192) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 0) {
    CheckManifest(text);
  } else {
    CheckParser(text);
  }
  return 0;
}
