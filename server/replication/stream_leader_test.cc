// SPDX-License-Identifier: Apache-2.0
// Who may have a stream: a node's gRPC port, and what knocks at it.
#include "server/replication/stream_leader.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "replication/stream_client.h"
#include "server/config/config.h"
#include "server/node.h"

namespace henge::server {
namespace {

using replication::StreamClient;

class StreamLeaderTest : public ::testing::Test {
 protected:
  StreamLeaderTest() : node_(Configured()) { EXPECT_TRUE(node_.Start().ok()); }

  static std::unique_ptr<Config> Configured() {
    auto config = std::make_unique<Config>();
    EXPECT_TRUE(config->LoadText("port 0\nsave \"\"\ndbfilename none.rdb\n", "test").ok());
    return config;
  }
  // As a follower hears it on the client port.
  std::pair<int, std::string> Invitation() {
    const std::string said = node_.replication().InviteToStream();
    const size_t space = said.find(' ');
    return {std::stoi(said.substr(0, space)), said.substr(space + 1)};
  }
  // What becomes of a stream that is asked for so.
  static absl::Status Ask(int port, const std::string& token) {
    StreamClient client("127.0.0.1", port);
    if (absl::Status status = client.Open({.token = token, .rdb_version = 11}); !status.ok()) {
      return status;
    }
    return client.Read().status();
  }
  static absl::Status AskSnapshot(int port, const std::string& token) {
    StreamClient client("127.0.0.1", port);
    return client.ReadSnapshot(1, token, [](std::string_view) { return absl::OkStatus(); });
  }

  Node node_;
};

TEST_F(StreamLeaderTest, GivesAStreamForATokenOfItsOwnOnce) {
  const auto [port, token] = Invitation();
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(port, "")));
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(port, std::string(token.size(), '0'))));
  EXPECT_TRUE(absl::IsPermissionDenied(AskSnapshot(port, token))) << "no stream has begun with it";
  EXPECT_TRUE(Ask(port, token).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(port, token)));
  const auto [same_port, another] = Invitation();
  EXPECT_EQ(same_port, port);
  EXPECT_NE(another, token);
  EXPECT_TRUE(Ask(port, another).ok());
}

}  // namespace
}  // namespace henge::server
