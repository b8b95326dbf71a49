// SPDX-License-Identifier: Apache-2.0
#include "server/config/redis_conf.h"

#include <absl/strings/str_cat.h>
#include <glob.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/strings.h"
#include "proto/resp_parser.h"

namespace henge::server {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view Trim(std::string_view line) {
  const size_t first = line.find_first_not_of(kBlank);
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

class ConfReader {
 public:
  absl::Status Read(std::string_view text, const std::string& source, int depth) {
    int line = 0;
    while (!text.empty()) {
      const size_t end = text.find('\n');
      ++line;
      const absl::Status status = ReadLine(Trim(text.substr(0, end)), source, line, depth);
      if (!status.ok()) return status;
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return absl::OkStatus();
  }

  std::vector<Directive> Take() { return std::move(directives_); }

 private:
  absl::Status ReadLine(std::string_view text, const std::string& source, int line, int depth) {
    if (text.empty() || text[0] == '#') return absl::OkStatus();
    Directive directive{.source = source, .line = line, .text = std::string(text)};
    if (!proto::SplitQuoted(text, directive.words)) {
      return DirectiveError(directive, "Unbalanced quotes in configuration line");
    }
    if (directive.words.empty()) return absl::OkStatus();
    directive.name = ToLower(directive.words[0]);
    directive.words.erase(directive.words.begin());
    if (directive.name == "include") return Include(directive, depth);
    directives_.push_back(std::move(directive));
    return absl::OkStatus();
  }

  absl::Status Include(const Directive& directive, int depth) {
    if (directive.words.size() != 1) return DirectiveError(directive, "wrong number of arguments");
    if (depth == kMaxIncludeDepth)
      return DirectiveError(directive, "too many includes, one in another");
    const std::string& pattern = directive.words[0];
    std::vector<std::string> paths = {pattern};
    if (pattern.find_first_of("*?[") != std::string::npos) {
      paths.clear();
      glob_t found = {};
      if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
      }
      globfree(&found);
    }
    for (const std::string& path : paths) {
      const absl::StatusOr<std::string> text = ReadFile(path);
      if (!text.ok()) return DirectiveError(directive, Std(text.status().message()));
      if (absl::Status status = Read(*text, path, depth + 1); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  std::vector<Directive> directives_;
};

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf() || file.eof())) {
    return absl::NotFoundError(
        absl::StrCat("can't open config file '", path, "': ", std::strerror(errno)));
  }
  return text.str();
}

absl::StatusOr<std::vector<Directive>> ParseRedisConf(std::string_view text,
                                                      const std::string& source) {
  ConfReader reader;
  if (absl::Status status = reader.Read(text, source, 0); !status.ok()) return status;
  return reader.Take();
}

}  // namespace henge::server
