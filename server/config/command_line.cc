// SPDX-License-Identifier: Apache-2.0
#include "server/config/command_line.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "base/strings.h"
#include "proto/resp_parser.h"
#include "server/config/parameter.h"

namespace henge::server {
namespace {

bool IsFlag(std::string_view arg) { return arg.size() > 2 && arg.substr(0, 2) == "--"; }

std::optional<CommandLine::Mode> ModeOf(std::string_view arg) {
  using Mode = CommandLine::Mode;
  if (arg == "-v" || arg == "--version") return Mode::kVersion;
  if (arg == "-h" || arg == "--help") return Mode::kHelp;
  if (arg == "--check-config") return Mode::kCheckConfig;
  if (arg == "--healthcheck") return Mode::kHealthCheck;
  if (arg == "--config-reference") return Mode::kConfigReference;
  if (arg == "--command-reference") return Mode::kCommandReference;
  if (arg == "--metrics-reference") return Mode::kMetricsReference;
  if (arg == "--check-rdb") return Mode::kCheckRdb;
  if (arg == "--check-aof") return Mode::kCheckAof;
  return std::nullopt;
}

// A single word that holds several, as `--save "900 1"`, for a parameter that takes several.
void SplitSingleWord(Directive& directive) {
  const Parameter* parameter = FindParameter(directive.name);
  if (parameter == nullptr || !parameter->Has(kMultiArg) || directive.words.size() != 1 ||
      directive.words[0].empty()) {
    return;
  }
  std::vector<std::string> words;
  if (proto::SplitQuoted(directive.words[0], words)) directive.words = std::move(words);
}

class FlagReader {
 public:
  explicit FlagReader(std::span<const std::string> args) : args_(args) {}

  absl::StatusOr<std::vector<Directive>> Read(size_t from) {
    for (size_t i = from; i < args_.size();) {
      if (!IsFlag(args_[i])) {
        Directive stray{
            .source = std::string(kCommandLine), .line = static_cast<int>(i + 1), .text = args_[i]};
        return DirectiveError(stray, "Bad directive or wrong number of arguments", "a --parameter");
      }
      absl::StatusOr<size_t> next = ReadFlag(i);
      if (!next.ok()) return next.status();
      i = *next;
    }
    return std::move(directives_);
  }

 private:
  // Returns the index behind the flag's words.
  absl::StatusOr<size_t> ReadFlag(size_t i) {
    Directive directive{.source = std::string(kCommandLine), .line = static_cast<int>(i + 1)};
    std::vector<std::string> inside;  // "--port 7000" in one argument.
    const std::string_view bare = std::string_view(args_[i]).substr(2);
    if (!proto::SplitQuoted(bare, inside) || inside.empty()) {
      directive.text = args_[i];
      return DirectiveError(directive, "Unbalanced quotes in configuration line");
    }
    directive.name = ToLower(inside[0]);
    directive.words.assign(inside.begin() + 1, inside.end());
    ++i;
    const bool bare_save =
        directive.name == "save" && inside.size() == 1 && (i == args_.size() || IsFlag(args_[i]));
    if (bare_save) {
      directive.words.emplace_back();
    } else if (inside.size() == 1 && i < args_.size()) {
      directive.words.push_back(args_[i++]);
    }
    while (i < args_.size() && !IsFlag(args_[i])) directive.words.push_back(args_[i++]);
    directive.text = Describe(directive);
    SplitSingleWord(directive);
    directives_.push_back(std::move(directive));
    return i;
  }

  static std::string Describe(const Directive& directive) {
    std::string text = directive.name;
    for (const std::string& word : directive.words) absl::StrAppend(&text, " \"", word, "\"");
    return text;
  }

  std::span<const std::string> args_;
  std::vector<Directive> directives_;
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> args) {
  CommandLine line;
  std::vector<std::string> rest;
  for (size_t i = 0; i < args.size(); ++i) {
    // A mode stands first or last, where it can't be a parameter's word.
    const bool at_edge = i == 0 || i + 1 == args.size();
    if (const auto mode = ModeOf(args[i]); mode && at_edge) {
      line.mode = *mode;
    } else {
      rest.push_back(args[i]);
    }
  }
  if (line.mode == CommandLine::Mode::kCheckAof) {
    line.words = std::move(rest);
    return line;
  }
  size_t next = 0;
  if (next < rest.size() && rest[next] != "-" && !IsFlag(rest[next])) line.file = rest[next++];
  if (next < rest.size() && rest[next] == "-") {
    line.from_stdin = true;
    ++next;
  }
  if (!rest.empty() && next == rest.size() - 1 && rest.back() == "-") {
    line.from_stdin = true;
    ++next;
  }
  absl::StatusOr<std::vector<Directive>> flags = FlagReader(rest).Read(next);
  if (!flags.ok()) return flags.status();
  line.directives = *std::move(flags);
  return line;
}

std::string HelpText() {
  return R"(Usage: henge-server [file] [-] [--parameter value ...]

  file                 a configuration: YAML (.yaml, .yml) or redis.conf
  -                    a configuration on the standard input
  --parameter value    a parameter by its Redis name; beats the file

  --check-config       read the configuration, say what is wrong, and exit
  --healthcheck        ask the node of this configuration whether it is well, and exit with 0 or 1
  --check-rdb          check the file, a snapshot, say what is in it, and exit
  --check-aof          [--fix | --truncate-to-timestamp SECONDS] FILE: check an append-only file,
                       or all files of a manifest; cut a bad end; and exit
  --config-reference   print all parameters as Markdown
  --command-reference  print all commands as Markdown
  --metrics-reference  print all metrics as Markdown
  -v, --version        print the version
  -h, --help           print this

Examples:
  henge-server                                  port 6379 on loopback, one worker per core
  henge-server --port 7000 --maxmemory 1gb --maxmemory-policy allkeys-lru
  henge-server henge.yaml
  henge-server redis.conf --loglevel debug
  echo "maxmemory 1gb" | henge-server -
)";
}

}  // namespace henge::server
