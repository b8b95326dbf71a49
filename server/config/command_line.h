// SPDX-License-Identifier: Apache-2.0
// The command line, in Redis's ways: `henge-server [file | -] [--parameter word …]`. Any thread.
#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/config/directive.h"

namespace henge::server {

struct CommandLine {
  enum class Mode : uint8_t {
    kServe,
    kCheckConfig,
    kHealthCheck,  // Of the node that the configuration describes.
    kVersion,
    kHelp,
    kConfigReference,
    kCommandReference,
    kMetricsReference,
    kCheckRdb,  // `file` is a snapshot then.
    kCheckAof,  // `words` are the tool's.
  };
  Mode mode = Mode::kServe;
  std::optional<std::string> file;    // The path of a configuration.
  bool from_stdin = false;            // `-`: more of it on the standard input.
  std::vector<Directive> directives;  // The flags.
  std::vector<std::string> words;     // Of a tool: what stands behind its name.
};

// `args` without the program's name. A flag takes the words up to the next one; the word right
// after it is its value even if it begins with `--`. "--port 7000" may be one argument.
absl::StatusOr<CommandLine> ParseCommandLine(std::span<const std::string> args);

// What --help prints.
std::string HelpText();

}  // namespace henge::server
