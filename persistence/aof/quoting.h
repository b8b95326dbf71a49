// SPDX-License-Identifier: Apache-2.0
// Words in a line of text, quoted as Redis does it: "…" with \n \r \t \b \a \xHH and \c for c
// itself, '…' with \' only. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace henge::persistence {

// nullopt if quotes do not match or something stands right behind a closing one.
std::optional<std::vector<std::string>> SplitWords(std::string_view line);

// The word as it stands, or in double quotes if it needs them.
std::string QuoteWord(std::string_view word);

}  // namespace henge::persistence
