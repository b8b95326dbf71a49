// SPDX-License-Identifier: Apache-2.0
// redis.conf: a line is a parameter and its words, quoted as in redis-cli; `#` begins a line of
// comment; `include` reads other files in its place. Any thread.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "server/config/directive.h"

namespace henge::server {

inline constexpr int kMaxIncludeDepth = 16;

// `source` names the text in errors; includes are relative to the working directory, as in Redis,
// and may be glob patterns.
absl::StatusOr<std::vector<Directive>> ParseRedisConf(std::string_view text,
                                                      const std::string& source);

// A file's text, whole; an error that names it.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace henge::server
