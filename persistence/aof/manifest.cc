// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/manifest.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/aof/quoting.h"

namespace henge::persistence {
namespace {

constexpr size_t kLongestLine = 1024;
constexpr std::string_view kBadFormat = "Invalid AOF manifest file format";

// As C's atoll reads: digits as far as they go, zero if there are none. What does not fit is zero,
// and refused like it.
int64_t LeadingNumber(std::string_view text) {
  size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
  std::string_view digits = text.substr(0, length);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return ParseInt64(digits).value_or(0);
}

std::string_view Trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = line.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(kBlank) - begin + 1);
}

// Builds a manifest line by line. Each step returns what is wrong, or nothing.
class ManifestBuilder {
 public:
  std::string_view AddLine(std::string_view line) {
    const auto words = SplitWords(line);
    // Pairs that are not known are skipped: later versions may add some.
    if (!words || words->size() < 6 || words->size() % 2 != 0) return kBadFormat;
    AofPart part;
    char type = '\0';
    for (size_t i = 0; i < words->size(); i += 2) {
      const std::string& value = (*words)[i + 1];
      if (EqualsIgnoreCase((*words)[i], "file")) {
        if (value.find_first_of("/\\") != std::string::npos || value == "." || value == "..") {
          return "File can't be a path, just a filename";
        }
        part.name = value;
      } else if (EqualsIgnoreCase((*words)[i], "seq")) {
        part.sequence = LeadingNumber(value);
      } else if (EqualsIgnoreCase((*words)[i], "type")) {
        type = value.empty() ? '\0' : value[0];
      }
    }
    if (part.name.empty() || part.sequence == 0 || type == '\0') return kBadFormat;
    return AddPart(std::move(part), type);
  }
  AofManifest& manifest() { return manifest_; }

 private:
  std::string_view AddPart(AofPart part, char type) {
    switch (type) {
      case 'b':
        if (manifest_.base) return "Found duplicate base file information";
        manifest_.base_sequence = part.sequence;
        manifest_.base = std::move(part);
        return {};
      case 'h':
        manifest_.history.push_back(std::move(part));
        return {};
      case 'i':
        if (part.sequence <= manifest_.increment_sequence) {
          return "Found a non-monotonic sequence number";
        }
        manifest_.increment_sequence = part.sequence;
        manifest_.increments.push_back(std::move(part));
        return {};
      default:
        return "Unknown AOF file type";
    }
  }

  AofManifest manifest_;
};

void FormatPart(const AofPart& part, char type, std::string& out) {
  absl::StrAppend(&out, "file ", QuoteWord(part.name), " seq ", part.sequence, " type ");
  out += type;
  out += '\n';
}

}  // namespace

std::vector<AofPart> AofManifest::Loaded() const {
  std::vector<AofPart> parts;
  if (base) parts.push_back(*base);
  parts.insert(parts.end(), increments.begin(), increments.end());
  return parts;
}

bool AofManifest::Names(std::string_view name) const {
  const auto is = [&](const AofPart& part) { return part.name == name; };
  return (base && is(*base)) || std::any_of(history.begin(), history.end(), is) ||
         std::any_of(increments.begin(), increments.end(), is);
}

const AofPart& AofManifest::AddIncrement(std::string_view filename) {
  std::string name;
  do {
    name = absl::StrCat(Absl(filename), ".", ++increment_sequence, ".incr.aof");
  } while (Names(name));
  increments.push_back({std::move(name), increment_sequence});
  return increments.back();
}

const AofPart& AofManifest::ReplaceBase(std::string_view filename, BaseFormat format) {
  const std::string_view suffix = format == BaseFormat::kRdb ? ".base.rdb" : ".base.aof";
  std::string name;
  do {
    name = absl::StrCat(Absl(filename), ".", ++base_sequence, Absl(suffix));
  } while (Names(name));
  if (base) history.insert(history.begin(), *std::move(base));
  base = {std::move(name), base_sequence};
  return *base;
}

void AofManifest::Retire(int64_t first_kept) {
  const auto kept = std::find_if(increments.begin(), increments.end(),
                                 [&](const AofPart& part) { return part.sequence >= first_kept; });
  // The latest first, as Redis does.
  history.insert(history.begin(), std::make_reverse_iterator(kept), increments.rend());
  increments.erase(increments.begin(), kept);
}

absl::StatusOr<AofManifest> ParseManifest(std::string_view text) {
  const auto refuse = [](int line, std::string_view what, std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("AOF manifest, line ", line, ": '", Absl(what), "': ", Absl(why)));
  };
  if (text.empty()) return absl::InvalidArgumentError("Found an empty AOF manifest");
  ManifestBuilder builder;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    const bool comment = text.front() == '#';
    const bool too_long = end == std::string_view::npos || end >= kLongestLine;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (comment) continue;
    if (too_long) {
      return refuse(number, line.substr(0, 64), "The AOF manifest file contains too long line");
    }
    if (line.empty()) return refuse(number, line, kBadFormat);
    const std::string_view wrong = builder.AddLine(line);
    if (!wrong.empty()) return refuse(number, line, wrong);
  }
  return std::move(builder.manifest());
}

std::string FormatManifest(const AofManifest& manifest) {
  std::string text;
  if (manifest.base) FormatPart(*manifest.base, 'b', text);
  for (const AofPart& part : manifest.history) FormatPart(part, 'h', text);
  for (const AofPart& part : manifest.increments) FormatPart(part, 'i', text);
  return text;
}

bool LooksLikeManifest(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (text.starts_with("file")) return true;
    // Lines of a manifest are short; an AOF begins otherwise.
    if (text.front() != '#' && Trimmed(text.substr(0, end)) != "") return false;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return false;
}

std::string ManifestName(std::string_view filename) {
  return absl::StrCat(Absl(filename), ".manifest");
}

std::string TemporaryManifestName(std::string_view filename) {
  return absl::StrCat("temp-", Absl(ManifestName(filename)));
}

}  // namespace henge::persistence
