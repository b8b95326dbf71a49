// SPDX-License-Identifier: Apache-2.0
#include "server/access.h"

#include <gtest/gtest.h>

#include "server/config/config.h"

namespace henge::server {
namespace {

std::string RefuseFrom(const std::string& address, const std::string& who) {
  Config config;
  if (!config.LoadText("enable-debug-command " + who, "test").ok()) return "bad configuration";
  commands::ClientState client;
  client.address = address;
  return RefuseProtected("debug", config.settings(), client);
}

TEST(Access, KnowsThisMachine) {
  EXPECT_TRUE(IsLoopback("127.0.0.1:5000"));
  EXPECT_TRUE(IsLoopback("[::1]:5000"));
  EXPECT_TRUE(IsLoopback("[::ffff:127.0.0.1]:5000"));
  EXPECT_FALSE(IsLoopback("10.127.0.1:5000"));
}

TEST(Access, RefusesProtectedCommandsUnlessConfigured) {
  EXPECT_EQ(
      RefuseFrom("127.0.0.1:1", "no"),
      "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
      "you can run it from a local connection, otherwise you need to set this option in the "
      "configuration file, and then restart the server.");
  EXPECT_EQ(RefuseFrom("127.0.0.1:1", "local"), "");
  EXPECT_NE(RefuseFrom("10.0.0.1:1", "local"), "");
  EXPECT_EQ(RefuseFrom("10.0.0.1:1", "yes"), "");
}

TEST(Access, RefusesSubcommandsInTheirContainersName) {
  Config config;
  commands::ClientState client;
  client.address = "10.0.0.1:1";
  EXPECT_TRUE(RefuseProtected("module|load", config.settings(), client)
                  .starts_with("ERR MODULE command not allowed. If the enable-module-command "));
}

}  // namespace
}  // namespace henge::server
