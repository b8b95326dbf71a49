// SPDX-License-Identifier: Apache-2.0
#include "server/config/directive.h"

#include <absl/strings/str_cat.h>

#include "base/strings.h"
#include "base/version.h"

namespace henge::server {

absl::Status DirectiveError(const Directive& directive, std::string_view reason,
                            std::string_view expected) {
  std::string message = absl::StrCat("\n*** FATAL CONFIG FILE ERROR (Henge ", Absl(kHengeVersion),
                                     ") ***\nReading ", directive.source, ", at line ",
                                     directive.line, "\n>>> '", directive.text, "'\n");
  if (!directive.name.empty()) absl::StrAppend(&message, directive.name, ": ");
  absl::StrAppend(&message, Absl(reason));
  if (!expected.empty()) absl::StrAppend(&message, "; expected ", Absl(expected));
  return absl::InvalidArgumentError(message);
}

}  // namespace henge::server
