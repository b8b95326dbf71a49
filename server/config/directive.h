// SPDX-License-Identifier: Apache-2.0
// One parameter given a value somewhere: a line of redis.conf, a key of a YAML file, a flag. What
// the readers of those forms produce and Config applies. Plain values; any thread.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>
#include <vector>

namespace henge::server {

struct Directive {
  std::string source;  // The file's path, or "command line".
  int line = 0;        // From 1; on the command line the position of the flag.
  std::string text;    // As written, for error messages.
  std::string name;    // The parameter's, or an alias; in lower case.
  std::vector<std::string> words;
};

inline constexpr std::string_view kCommandLine = "command line";

// "*** FATAL CONFIG FILE ERROR …", with source, line, key and reason; `expected` may be empty.
absl::Status DirectiveError(const Directive& directive, std::string_view reason,
                            std::string_view expected = {});

}  // namespace henge::server
