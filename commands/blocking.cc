// SPDX-License-Identifier: Apache-2.0
#include "commands/blocking.h"

#include <cmath>

#include "base/numbers.h"

namespace henge::commands {
namespace {

// What is added to the present may not pass the end of time.
int64_t Checked(int64_t timeout_ms, UnixMillis now, ArgReader& args) {
  if (timeout_ms < 0) args.Fail("ERR timeout is negative");
  if (timeout_ms > INT64_MAX - now) args.Fail("ERR timeout is out of range");
  return timeout_ms;
}

}  // namespace

int64_t ReadTimeoutSeconds(ArgReader& args, UnixMillis now) {
  const std::string_view text = args.Next();
  if (!args.ok()) return 0;
  const auto seconds = ParseLongDouble(text);
  if (!seconds) {
    args.Fail("ERR timeout is not a float or out of range");
    return 0;
  }
  const long double ms = std::ceil(*seconds * 1000);
  if (ms >= static_cast<long double>(INT64_MAX)) {
    args.Fail("ERR timeout is out of range");
    return 0;
  }
  // Below all integers: as negative as any other.
  return Checked(ms < 0 ? -1 : static_cast<int64_t>(ms), now, args);
}

int64_t ReadTimeoutMillis(ArgReader& args, UnixMillis now) {
  const int64_t timeout_ms = args.IntegerOr("ERR timeout is not an integer or out of range");
  return args.ok() ? Checked(timeout_ms, now, args) : 0;
}

}  // namespace henge::commands
