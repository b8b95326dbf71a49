// SPDX-License-Identifier: Apache-2.0
#include "server/monitors.h"

#include <gtest/gtest.h>

namespace henge::server {
namespace {

using std::string_view_literals::operator""sv;

TEST(MonitorLine, TellsTimeDatabaseSourceAndArguments) {
  std::string out;
  const std::string_view argv[] = {"SET", "k", ""};
  AppendMonitorLine(1'700'000'000'000'042, 3, "127.0.0.1:5000", argv, out);
  EXPECT_EQ(out, "+1700000000.000042 [3 127.0.0.1:5000] \"SET\" \"k\" \"\"\r\n");
}

TEST(MonitorLine, EscapesWhatIsNotPrintable) {
  std::string out;
  const std::string_view argv[] = {"a\"b\\c"sv, "\n\r\t\a\b"sv, "\x00\x7f\xff"sv};
  AppendMonitorLine(0, 0, "lua", argv, out);
  EXPECT_EQ(out, "+0.000000 [0 lua] \"a\\\"b\\\\c\" \"\\n\\r\\t\\a\\b\" \"\\x00\\x7f\\xff\"\r\n");
}

TEST(MonitorSource, NamesTheUnixSocket) {
  commands::ClientState client;
  client.address = "/tmp/henge.sock:0";
  client.unix_socket = true;
  EXPECT_EQ(MonitorSource(client), "unix:/tmp/henge.sock");
  client.unix_socket = false;
  client.address = "[::1]:5";
  EXPECT_EQ(MonitorSource(client), "[::1]:5");
}

TEST(Monitors, AreInactiveWithoutAny) {
  Monitors monitors;
  EXPECT_FALSE(monitors.active());
  monitors.Publish("+x\r\n");
}

}  // namespace
}  // namespace henge::server
