// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "persistence/journal/unit_encoding.h"

namespace henge::persistence {
namespace {

using Result = AofParser::Result;
using Words = std::vector<std::string>;

std::string Encoded(const std::vector<std::string_view>& words) {
  std::string bytes(MeasureCommand(words), '\0');
  EncodeCommand(words, bytes.data());
  return bytes;
}

const std::string kSet = Encoded({"SET", "key", "value"});
const std::string kMulti = Encoded({"MULTI"});
const std::string kExec = Encoded({"exec"});

// Everything that can be read: units as lists of commands, and how it ended.
struct Outcome {
  std::vector<std::vector<Words>> units;
  Result end;
  uint64_t good_until;
  std::string reason;
};

Outcome ReadAll(std::string_view content) {
  AofParser parser(content);
  Outcome outcome;
  while (true) {
    const Result result = parser.Next();
    if (result == Result::kAnnotation) continue;
    if (result != Result::kUnit) {
      outcome.end = result;
      break;
    }
    std::vector<Words> unit;
    for (size_t i = 0; i < parser.commands(); ++i) {
      unit.emplace_back(parser.command(i).begin(), parser.command(i).end());
    }
    outcome.units.push_back(std::move(unit));
  }
  outcome.good_until = parser.good_until();
  outcome.reason = parser.reason();
  return outcome;
}

TEST(AofParser, ReadsCommandsTransactionsAndAnnotations) {
  const std::string content = "#TS:1700000000\r\n" + kSet + kMulti + kSet + "#TS:1700000001\r\n" +
                              Encoded({"DEL", ""}) + kExec + "# a remark\n" + kSet;
  AofParser parser(content);
  EXPECT_EQ(parser.Next(), Result::kAnnotation);
  EXPECT_EQ(parser.timestamp(), 1700000000);
  EXPECT_EQ(parser.Next(), Result::kUnit);
  EXPECT_FALSE(parser.transaction());
  EXPECT_EQ(parser.Next(), Result::kUnit);
  EXPECT_TRUE(parser.transaction());
  ASSERT_EQ(parser.commands(), 2u);
  EXPECT_EQ(parser.command(1)[0], "DEL");
  EXPECT_EQ(parser.command(1)[1], "");
  EXPECT_EQ(parser.Next(), Result::kAnnotation);
  EXPECT_EQ(parser.annotation(), "# a remark");
  EXPECT_EQ(parser.timestamp(), std::nullopt);
  EXPECT_EQ(parser.Next(), Result::kUnit);
  EXPECT_EQ(parser.Next(), Result::kEnd);
  EXPECT_EQ(parser.Next(), Result::kEnd);
  EXPECT_EQ(parser.good_until(), content.size());
}

TEST(AofParser, AnyTornTailIsCutWhereTheLastWholeUnitEnds) {
  const std::string unit = kMulti + kSet + kSet + kExec;
  const std::string head = kSet + "#TS:1700000000\r\n";
  for (const std::string& last : {kSet, unit, std::string("#TS:1700000001\r\n")}) {
    for (size_t n = 1; n < last.size(); ++n) {
      for (const size_t zeros : {0, 1, 2, 5000}) {
        const std::string content = head + last.substr(0, n) + std::string(zeros, '\0');
        const Outcome outcome = ReadAll(content);
        EXPECT_EQ(outcome.end, Result::kTorn) << n << " " << zeros << " " << outcome.reason;
        EXPECT_EQ(outcome.good_until, head.size()) << n << " " << zeros;
        EXPECT_EQ(outcome.units.size(), 1u);
      }
    }
  }
  EXPECT_EQ(ReadAll(kSet + std::string(3, '\0')).end, Result::kTorn);
  EXPECT_EQ(ReadAll(std::string(3, '\0')).end, Result::kTorn);
}

TEST(AofParser, RoomBehindTheEndIsNoTear) {
  const auto only_room = [](const std::string& content) {
    AofParser parser(content);
    while (parser.Next() <= Result::kAnnotation) {
    }
    return parser.only_room();
  };
  EXPECT_TRUE(only_room(kSet + std::string(5000, '\0')));
  EXPECT_TRUE(only_room(std::string(1, '\0')));
  EXPECT_FALSE(only_room(kSet));
  EXPECT_FALSE(only_room(kSet + kSet.substr(0, 9) + std::string(5000, '\0')));
  EXPECT_FALSE(only_room(kSet + kMulti + kSet + std::string(5000, '\0')));
  EXPECT_FALSE(only_room(kSet + std::string(512, '\0') + kSet + std::string(5000, '\0')));
}

TEST(AofParser, APartMissingShortlyBeforeRoomIsATear) {
  const std::string gap(512, '\0');
  std::string group;
  while (group.size() < AofParser::kMostInRoom - 2000) group += kSet;
  for (const std::string& begun : {std::string(), kSet.substr(0, 3), kSet.substr(0, 20), kMulti}) {
    const Outcome torn = ReadAll(kSet + begun + gap + group + gap);
    EXPECT_EQ(torn.end, Result::kTorn) << torn.reason;
    EXPECT_EQ(torn.good_until, kSet.size());
    // Without room there was no such group; and none was as long.
    EXPECT_EQ(ReadAll(kSet + begun + gap + group).end, Result::kDamaged);
    EXPECT_EQ(ReadAll(kSet + begun + gap + group + group + gap).end, Result::kDamaged);
  }
}

TEST(AofParser, DamageIsRefusedWithOffsetAndReason) {
  struct Case {
    std::string content;
    uint64_t offset;
    std::string reason;
  };
  const uint64_t n = kSet.size();
  for (const Case& c : std::vector<Case>{
           {kSet + "!!!", n, "Expected prefix '*', got: '!'"},
           {kSet + "*1\r\n+OK\r\n", n + 4, "Expected prefix '$', got: '+'"},
           {kSet + "*1\r\n$2\r\nabcd\r\n", n + 10, "Expected \\r\\n, got: 63"},
           {kSet + "*0\r\n", n, "Expected at least one word"},
           {kSet + "*-1\r\n", n + 1, "Expected a number"},
           {kSet + "*\r\n", n + 1, "Expected a number"},
           {kSet + "*99999999999\r\n", n, "The number is not in the suitable range"},
           {kSet + kExec, n + kExec.size(), "Unexpected EXEC"},
           {kMulti + kMulti, 2 * kMulti.size(), "Unexpected MULTI"},
           {"#" + std::string(2000, 'x') + "\r\n" + kSet, 0, "The annotation is too long"},
           {"*1\r\n$9999\r\nPING\r\n" + kSet, 4,
            "Expected to read 10001 bytes, got " + std::to_string(6 + n) +
                " bytes, among them whole commands"}}) {
    AofParser parser(c.content);
    Result result;
    do {
      result = parser.Next();
    } while (result == Result::kUnit);
    EXPECT_EQ(result, Result::kDamaged) << c.reason;
    EXPECT_EQ(parser.reason(), c.reason);
    EXPECT_EQ(parser.error_offset(), c.offset) << c.reason;
    EXPECT_EQ(parser.good_until(), c.content.starts_with(kSet) ? n : 0) << c.reason;
    EXPECT_EQ(parser.Next(), Result::kDamaged);
  }
}

TEST(AofParser, AnEmptyTransactionIsNothing) {
  const Outcome outcome = ReadAll(kMulti + kExec + kSet);
  EXPECT_EQ(outcome.end, Result::kEnd);
  EXPECT_EQ(outcome.units.size(), 1u);
}

TEST(AofParser, BeginsBehindAPreamble) {
  EXPECT_TRUE(HasRdbPreamble("REDIS0011"));
  EXPECT_FALSE(HasRdbPreamble(kSet));
  const std::string content = "REDIS0011 and so on" + kSet;
  AofParser parser(content, content.size() - kSet.size());
  EXPECT_EQ(parser.Next(), Result::kUnit);
  EXPECT_EQ(parser.begin(), content.size() - kSet.size());
  EXPECT_EQ(parser.Next(), Result::kEnd);
}

// Flipped bits never lead to more than what the file held, nor to a crash.
TEST(AofParser, FlippedBitsAreSurvived) {
  Random random(7);
  std::string content;
  for (int i = 0; i < 20; ++i) content += i % 5 == 0 ? kMulti + kSet + kSet + kExec : kSet;
  for (int i = 0; i < 5000; ++i) {
    std::string spoiled = content;
    spoiled[random.Below(content.size())] ^= static_cast<char>(1 << random.Below(8));
    const Outcome outcome = ReadAll(spoiled);
    EXPECT_LE(outcome.units.size(), 20u);
    EXPECT_EQ(outcome.end == Result::kEnd, outcome.reason.empty());
    // What is told to be good is good by itself.
    EXPECT_EQ(ReadAll(spoiled.substr(0, outcome.good_until)).units, outcome.units);
  }
}

// Where there is room behind the end, any sectors of what was under way may lack.
TEST(AofParser, AnAnnotationOfWhichAPartDidNotArriveIsATear) {
  const std::string line = "#" + std::string(100, 'x') + "\r\n";
  for (size_t from = 0; from < line.size(); ++from) {
    std::string content = kSet + line + kSet + kSet + std::string(600, '\0');
    for (size_t i = kSet.size() + from; i < kSet.size() + line.size(); ++i) content[i] = '\0';
    const Outcome outcome = ReadAll(content);
    EXPECT_EQ(outcome.end, Result::kTorn) << from << ": " << outcome.reason;
    EXPECT_EQ(outcome.good_until, kSet.size());
  }
}

}  // namespace
}  // namespace henge::persistence
