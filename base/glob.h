// SPDX-License-Identifier: Apache-2.0
// Redis's glob patterns (KEYS, SCAN MATCH, PSUBSCRIBE, ACL, CONFIG GET). A pure function; any
// thread.
//
//   *        any run of bytes, also none        [abc]   one of these bytes
//   ?        any one byte                       [a-z]   one of this range, ends in either order
//   \c       the byte c itself, also in [...]   [^...]  one byte that the class does not hold
//
// Bytes are compared as signed characters in ranges, and an unclosed class ends with the pattern,
// as Redis has it. So has Redis that an empty text matches the empty pattern only, not "*".
//
// Work is at most pattern.size() * text.size() steps: on a mismatch only the last star is extended,
// which is enough because every other element takes exactly one byte.
#pragma once

#include <string_view>

namespace henge {

bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace henge
