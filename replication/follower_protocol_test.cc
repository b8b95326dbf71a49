// SPDX-License-Identifier: Apache-2.0
#include "replication/follower_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace henge::replication {
namespace {

using testing::HasSubstr;

const std::string kId(40, 'a');
const std::string kMark(40, 'e');

// Remembers what it hears.
struct Heard final : FollowerProtocol::Listener {
  absl::Status OnFullSync(std::string_view id, int64_t offset) override {
    history_id = id;
    full_offset = offset;
    return {};
  }
  absl::Status OnContinue(std::string_view id) override {
    history_id = id;
    continued = true;
    return {};
  }
  absl::Status OnPayload(std::string_view bytes, int64_t) override {
    payload += bytes;
    return {};
  }
  absl::Status OnPayloadEnd() override {
    ended = true;
    return {};
  }
  absl::Status OnStream(std::string_view bytes) override {
    stream += bytes;
    return {};
  }

  std::string history_id;
  int64_t full_offset = -1;
  bool continued = false;
  bool ended = false;
  std::string payload;
  std::string stream;
};

// Answers +OK until PSYNC was sent; returns what that was.
std::string Greet(FollowerProtocol& protocol, Heard& heard) {
  for (int i = 0; i < 10; ++i) {
    const std::string said = protocol.TakeOutput();
    if (said.find("PSYNC") != std::string::npos) return said;
    EXPECT_TRUE(protocol.Receive("+OK\r\n", heard).ok());
  }
  return {};
}

TEST(FollowerProtocol, AsksForAllIfItHasNothing) {
  FollowerProtocol protocol({.port = 7000});
  Heard heard;
  EXPECT_THAT(protocol.TakeOutput(), HasSubstr("PING"));
  ASSERT_TRUE(protocol.Receive("+PONG\r\n", heard).ok());
  EXPECT_THAT(protocol.TakeOutput(), HasSubstr("listening-port\r\n$4\r\n7000"));
  ASSERT_TRUE(protocol.Receive("+OK\r\n", heard).ok());
  EXPECT_THAT(protocol.TakeOutput(), HasSubstr("psync2"));
  ASSERT_TRUE(protocol.Receive("+OK\r\n", heard).ok());
  EXPECT_THAT(protocol.TakeOutput(), HasSubstr("PSYNC\r\n$1\r\n?\r\n$2\r\n-1"));
}

TEST(FollowerProtocol, ShowsItsPasswordAndItsAddress) {
  FollowerProtocol protocol({.user = "me", .password = "secret", .port = 1, .address = "1.2.3.4"});
  Heard heard;
  protocol.TakeOutput();
  ASSERT_TRUE(protocol.Receive("-NOAUTH Authentication required.\r\n", heard).ok());
  EXPECT_THAT(protocol.TakeOutput(), HasSubstr("$2\r\nme\r\n$6\r\nsecret"));
  ASSERT_TRUE(protocol.Receive("+OK\r\n", heard).ok());
  protocol.TakeOutput();
  ASSERT_TRUE(protocol.Receive("+OK\r\n", heard).ok());
  EXPECT_THAT(protocol.TakeOutput(), HasSubstr("1.2.3.4"));
}

TEST(FollowerProtocol, TakesAPayloadOfKnownLengthInAnyPieces) {
  const std::string answer = "\n+FULLRESYNC " + kId + " 77\r\n\n\n$5\r\nhello*1\r\n$4\r\nPING\r\n";
  for (uint32_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    FollowerProtocol protocol({.port = 1});
    Heard heard;
    Greet(protocol, heard);
    for (std::string_view rest = answer; !rest.empty();) {
      const size_t n = std::min<size_t>(rest.size(), 1 + random.Next() % 20);
      ASSERT_TRUE(protocol.Receive(rest.substr(0, n), heard).ok());
      rest.remove_prefix(n);
    }
    EXPECT_EQ(heard.history_id, kId);
    EXPECT_EQ(heard.full_offset, 77);
    EXPECT_EQ(heard.payload, "hello");
    EXPECT_TRUE(heard.ended);
    EXPECT_EQ(heard.stream, "*1\r\n$4\r\nPING\r\n");
  }
}

TEST(FollowerProtocol, TakesAPayloadUpToItsMark) {
  const std::string data = std::string(1000, 'x') + kMark.substr(0, 39) + "y";
  for (uint32_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    FollowerProtocol protocol({.port = 1});
    Heard heard;
    Greet(protocol, heard);
    const std::string answer = "+FULLRESYNC " + kId + " 0\r\n$EOF:" + kMark + "\r\n" + data + kMark;
    for (std::string_view rest = answer; !rest.empty();) {
      const size_t n = std::min<size_t>(rest.size(), 1 + random.Next() % 300);
      ASSERT_TRUE(protocol.Receive(rest.substr(0, n), heard).ok());
      rest.remove_prefix(n);
    }
    EXPECT_EQ(heard.payload, data);
    EXPECT_TRUE(heard.ended);
    ASSERT_TRUE(protocol.Receive("*0\r\n", heard).ok());
    EXPECT_EQ(heard.stream, "*0\r\n");
  }
}

TEST(FollowerProtocol, LeavesForAStreamWhereThereIsOne) {
  const auto answered = [](std::string_view answer) {
    FollowerProtocol protocol({.port = 1, .wants_stream = true});
    Heard heard;
    std::string said;
    while (said.find("henge-stream") == std::string::npos) {
      said = protocol.TakeOutput();
      if (said.find("henge-stream") != std::string::npos) break;
      EXPECT_TRUE(protocol.Receive("+OK\r\n", heard).ok());
    }
    EXPECT_TRUE(protocol.Receive(answer, heard).ok());
    return std::pair(protocol.phase(), protocol.invitation().port);
  };
  using Phase = FollowerProtocol::Phase;
  EXPECT_EQ(answered("+STREAM 17000 abc\r\n"), std::pair(Phase::kInvited, 17000));
  EXPECT_EQ(answered("+STREAM 99999 abc\r\n"), std::pair(Phase::kHandshake, 0));
  EXPECT_EQ(answered("-ERR Unrecognized REPLCONF option: henge-stream\r\n"),
            std::pair(Phase::kHandshake, 0));
}

TEST(FollowerProtocol, GoesOnUnderANewName) {
  FollowerProtocol protocol({.port = 1, .history_id = kId, .next_offset = 43});
  Heard heard;
  EXPECT_THAT(Greet(protocol, heard), HasSubstr(kId + "\r\n$2\r\n43"));
  const std::string other(40, 'b');
  ASSERT_TRUE(protocol.Receive("+CONTINUE " + other + "\r\nabc", heard).ok());
  EXPECT_TRUE(heard.continued);
  EXPECT_EQ(heard.history_id, other);
  EXPECT_EQ(heard.stream, "abc");
}

TEST(FollowerProtocol, TellsWhatPassesFromWhatDoesNot) {
  const auto answered = [](std::string_view answer) {
    FollowerProtocol protocol({.port = 1});
    Heard heard;
    Greet(protocol, heard);
    return protocol.Receive(answer, heard).code();
  };
  EXPECT_EQ(answered("-NOMASTERLINK later\r\n"), absl::StatusCode::kUnavailable);
  EXPECT_EQ(answered("-LOADING later\r\n"), absl::StatusCode::kUnavailable);
  EXPECT_EQ(answered("-ERR no\r\n"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(answered("+CONTINUE\r\n"), absl::StatusCode::kInvalidArgument);  // It has no history.
  EXPECT_EQ(answered("+FULLRESYNC x 1\r\n"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(answered("+FULLRESYNC " + kId + " -5\r\n"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(answered("+FULLRESYNC " + kId + " 5\r\n$-3\r\n"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(answered(std::string(5000, 'x')), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace henge::replication
