// SPDX-License-Identifier: Apache-2.0
#include "commands/blocking.h"

#include <gtest/gtest.h>

namespace henge::commands {
namespace {

constexpr UnixMillis kNow = 1'700'000'000'000;

struct Parsed {
  int64_t ms;
  std::string error;
  bool operator==(const Parsed&) const = default;
};
Parsed Read(std::string_view text, int64_t (*read)(ArgReader&, UnixMillis)) {
  const std::string_view argv[] = {text};
  ArgReader args(argv, {});
  const int64_t ms = read(args, kNow);
  return args.ok() ? Parsed{ms, ""} : Parsed{0, std::string(args.error())};
}
std::ostream& operator<<(std::ostream& out, const Parsed& parsed) {
  return out << parsed.ms << " " << parsed.error;
}

TEST(ReadTimeout, TakesSecondsWithAFraction) {
  EXPECT_EQ(Read("0", ReadTimeoutSeconds), (Parsed{0, ""}));
  EXPECT_EQ(Read("1", ReadTimeoutSeconds), (Parsed{1000, ""}));
  EXPECT_EQ(Read("0.1", ReadTimeoutSeconds), (Parsed{100, ""}));
  EXPECT_EQ(Read("0.0001", ReadTimeoutSeconds), (Parsed{1, ""}));
  EXPECT_EQ(Read("-0.0001", ReadTimeoutSeconds), (Parsed{0, ""}));
  EXPECT_EQ(Read("0x10", ReadTimeoutSeconds), (Parsed{16000, ""}));
}

TEST(ReadTimeout, RefusesWhatIsNoTime) {
  const Parsed not_float{0, "ERR timeout is not a float or out of range"};
  const Parsed out_of_range{0, "ERR timeout is out of range"};
  const Parsed negative{0, "ERR timeout is negative"};
  EXPECT_EQ(Read("abc", ReadTimeoutSeconds), not_float);
  EXPECT_EQ(Read("", ReadTimeoutSeconds), not_float);
  EXPECT_EQ(Read("nan", ReadTimeoutSeconds), not_float);
  EXPECT_EQ(Read("-1", ReadTimeoutSeconds), negative);
  EXPECT_EQ(Read("-1e300", ReadTimeoutSeconds), negative);
  EXPECT_EQ(Read("9223372036854775807", ReadTimeoutSeconds), out_of_range);
  EXPECT_EQ(Read("9223372036854775", ReadTimeoutSeconds), out_of_range);
  EXPECT_EQ(Read("inf", ReadTimeoutSeconds), out_of_range);
}

TEST(ReadTimeout, TakesMilliseconds) {
  EXPECT_EQ(Read("12", ReadTimeoutMillis), (Parsed{12, ""}));
  EXPECT_EQ(Read("1.5", ReadTimeoutMillis),
            (Parsed{0, "ERR timeout is not an integer or out of range"}));
  EXPECT_EQ(Read("-2", ReadTimeoutMillis), (Parsed{0, "ERR timeout is negative"}));
  EXPECT_EQ(Read("9223372036854775807", ReadTimeoutMillis),
            (Parsed{0, "ERR timeout is out of range"}));
}

}  // namespace
}  // namespace henge::commands
