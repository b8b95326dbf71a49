// SPDX-License-Identifier: Apache-2.0
#include "proto/resp_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace henge::proto {
namespace {

using Result = RespParser::Result;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Parsed {
  Result result;
  std::vector<std::string> args;
  size_t consumed;
  std::string error;
};

Parsed ParseOne(std::string_view bytes, ParserLimits limits = {}) {
  RespParser parser;
  std::vector<std::string_view> args;
  const Result result = parser.Next(bytes, limits, args);
  return {result, {args.begin(), args.end()}, parser.consumed(), parser.error()};
}

std::string Encode(const std::vector<std::string_view>& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string_view arg : args) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n" + std::string(arg) + "\r\n";
  }
  return bytes;
}

TEST(RespParser, KnowsWhatIsWrittenAsItWouldWriteIt) {
  const auto canonical = [](std::string_view bytes) {
    RespParser parser;
    std::vector<std::string_view> args;
    EXPECT_EQ(parser.Next(bytes, {}, args), Result::kCommand) << bytes;
    return parser.was_canonical();
  };
  EXPECT_TRUE(canonical("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"));
  EXPECT_TRUE(canonical("*2\r\n$3\r\nGET\r\n$0\r\n\r\n*1\r\n"));
  // Two bytes end a line, whatever they are.
  EXPECT_FALSE(canonical("*2\r\n$3\r\nGETxx$1\r\na\r\n"));
  EXPECT_FALSE(canonical("*2\r\n$3\r\nGET\r\n$1\r\na\n\r"));
  EXPECT_FALSE(canonical("*2\rx$3\r\nGET\r\n$1\r\na\r\n"));
  EXPECT_FALSE(canonical("*2\r\n$3\r!GET\r\n$1\r\na\r\n"));
  EXPECT_FALSE(canonical("GET a\r\n"));

  // In two pieces, as large commands come.
  const auto in_pieces = [](std::string_view bytes) {
    RespParser parser;
    std::vector<std::string_view> args;
    EXPECT_EQ(parser.Next(bytes.substr(0, 10), {}, args), RespParser::Result::kNeedMore);
    EXPECT_EQ(parser.Next(bytes, {}, args), RespParser::Result::kCommand);
    return parser.was_canonical();
  };
  EXPECT_TRUE(in_pieces("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"));
  EXPECT_FALSE(in_pieces("*2\r\n$3\r\nGETxx$1\r\na\r\n"));
  EXPECT_FALSE(in_pieces("*2\r\n$3\r\nGET\r\n$1\r\naxx"));
}

TEST(RespParser, ReadsAMultibulkCommand) {
  const auto parsed = ParseOne("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$0\r\n\r\n*1\r\n");
  EXPECT_EQ(parsed.result, Result::kCommand);
  EXPECT_THAT(parsed.args, ElementsAre("SET", "a", ""));
  EXPECT_EQ(parsed.consumed, 26u);
}

TEST(RespParser, ReadsInlineCommandsWithQuotes) {
  EXPECT_THAT(ParseOne("SET a \"x y\\x00\\n\"\r\n").args,
              ElementsAre("SET", "a", std::string("x y\0\n", 5)));
  EXPECT_THAT(ParseOne("PING\n").args, ElementsAre("PING"));
  EXPECT_THAT(ParseOne("a 'it\\'s' b\r\n").args, ElementsAre("a", "it's", "b"));
}

TEST(RespParser, PassesOverEmptyRequests) {
  EXPECT_EQ(ParseOne("\r\n").result, Result::kEmpty);
  EXPECT_EQ(ParseOne("*0\r\n").result, Result::kEmpty);
  EXPECT_EQ(ParseOne("*-1\r\n").result, Result::kEmpty);
  EXPECT_EQ(ParseOne("*-1\r\n").consumed, 5u);
}

TEST(RespParser, RefusesWithRedisTexts) {
  const auto error = [](std::string_view bytes) { return ParseOne(bytes).error; };
  EXPECT_EQ(error("*3000000000\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error("*x\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error("*1\r\n$-10\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error("*1\r\n$2000000000\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error("*1\r\nfoo\r\n"), "ERR Protocol error: expected '$', got 'f'");
  EXPECT_EQ(error("set \"a\r\n"), "ERR Protocol error: unbalanced quotes in request");
  EXPECT_EQ(error("*" + std::string(70'000, '1')),
            "ERR Protocol error: too big mbulk count string");
  EXPECT_EQ(error("*1\r\n$" + std::string(70'000, '1')),
            "ERR Protocol error: too big bulk count string");
  EXPECT_EQ(error(std::string(70'000, 'a')), "ERR Protocol error: too big inline request");
}

TEST(RespParser, LimitsStrangers) {
  const ParserLimits stranger{.authenticated = false};
  EXPECT_EQ(ParseOne("*11\r\n", stranger).error,
            "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(ParseOne("*1\r\n$16385\r\n", stranger).error,
            "ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(ParseOne("*10\r\n$16384\r\n", stranger).result, Result::kNeedMore);
}

TEST(RespParser, TellsHowMuchALargeValueNeeds) {
  RespParser parser;
  std::vector<std::string_view> args;
  const std::string head = "*2\r\n$3\r\nGET\r\n$1000000\r\nabc";
  EXPECT_EQ(parser.Next(head, {}, args), Result::kNeedMore);
  EXPECT_THAT(args, IsEmpty());
  EXPECT_EQ(parser.needed(), head.size() - 3 + 1'000'000 + 2);
}

// However the bytes arrive, and though they move in memory between two arrivals, the commands are
// the same.
TEST(RespParser, GivesTheSameCommandsForEverySplit) {
  const std::string stream =
      "*2\r\n$3\r\nGET\r\n$5\r\nhello\r\nPING x\r\n*1\r\n$4\r\nPING\r\n\r\n*3\r\n$1\r\na\r\n$12\r\n"
      "aaaa\r\nbbbb\r\n\r\n$0\r\n\r\n";
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    RespParser parser;
    std::vector<std::vector<std::string>> commands;
    std::string unread;
    size_t sent = 0;
    while (sent < stream.size()) {
      const size_t n = std::min<size_t>(stream.size() - sent, 1 + random.Below(9));
      std::string moved = unread + stream.substr(sent, n);
      sent += n;
      size_t at = 0;
      while (true) {
        std::vector<std::string_view> args;
        const Result result = parser.Next(std::string_view(moved).substr(at), {}, args);
        ASSERT_NE(result, Result::kError);
        if (result == Result::kNeedMore) break;
        if (result == Result::kCommand) commands.emplace_back(args.begin(), args.end());
        at += parser.consumed();
      }
      unread = moved.substr(at);
    }
    ASSERT_EQ(unread, "");
    ASSERT_THAT(commands,
                ElementsAre(ElementsAre("GET", "hello"), ElementsAre("PING", "x"),
                            ElementsAre("PING"), ElementsAre("a", "aaaa\r\nbbbb\r\n", "")));
  }
}

TEST(PeekFirstArgument, FindsItWhereItIsWhole) {
  EXPECT_EQ(PeekFirstArgument("*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n"), "hello");
  EXPECT_EQ(PeekFirstArgument("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nv"), "k");
  for (const std::string_view bytes :
       {"", "*", "*2\r\n", "*2\r\n$3\r\nGET\r\n", "*2\r\n$3\r\nGET\r\n$5\r\nhello\r",
        "*1\r\n$4\r\nPING\r\n", "GET hello\r\n", "*2\r\n$-1\r\n$1\r\nk\r\n",
        "*2\r\n$99999999999999999999\r\nGET\r\n"}) {
    EXPECT_EQ(PeekFirstArgument(bytes), "") << bytes;
  }
}

TEST(PeekFirstArgument, SurvivesRandomBytes) {
  static constexpr std::string_view kAlphabet = "*$0123456789-\r\n";
  Random random(12);
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes = "*2\r\n$3\r\nGET\r\n$5\r\nhello\r\n";
    for (uint64_t i = random.Below(4); i > 0; --i) {
      bytes[random.Below(bytes.size())] = kAlphabet[random.Below(kAlphabet.size())];
    }
    bytes.resize(random.Below(bytes.size() + 1));
    EXPECT_LE(PeekFirstArgument(std::string(bytes)).size(), bytes.size());
  }
}

TEST(RespParser, SurvivesRandomBytes) {
  static constexpr std::string_view kAlphabet = "*$0123456789-\r\n\"' axX\\";
  Random random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random.Below(60), ' ');
    for (char& c : bytes) c = kAlphabet[random.Below(kAlphabet.size())];
    RespParser parser;
    size_t at = 0;
    while (true) {
      std::vector<std::string_view> args;
      const Result result = parser.Next(std::string_view(bytes).substr(at), {}, args);
      if (result == Result::kNeedMore || result == Result::kError) break;
      ASSERT_GT(parser.consumed(), 0u);
      if (parser.was_canonical()) {
        ASSERT_EQ(Encode(args), bytes.substr(at, parser.consumed()));
      }
      at += parser.consumed();
      ASSERT_LE(at, bytes.size());
    }
  }
}

}  // namespace
}  // namespace henge::proto
