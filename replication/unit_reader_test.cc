// SPDX-License-Identifier: Apache-2.0
#include "replication/unit_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace henge::replication {
namespace {

using testing::ElementsAre;

constexpr int64_t kMaxBulk = 1 << 20;

std::string Command(std::initializer_list<std::string_view> words) {
  std::string out = fmt::format("*{}\r\n", words.size());
  for (const std::string_view word : words) out += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return out;
}

// What a unit is, in one line: "SELECT 1;SET a b".
std::string Text(const StreamUnit& unit) {
  std::string out;
  for (const StreamUnit::Command& command : unit.commands) {
    if (!out.empty()) out += ';';
    for (const std::string_view word : unit.argv(command)) {
      if (!out.empty() && out.back() != ';') out += ' ';
      out += word;
    }
  }
  return out;
}

// All units of a stream that comes in pieces of at most so many bytes.
struct Units {
  std::vector<std::string> texts;
  std::string bytes;
};
Units ReadAll(std::string_view stream, size_t most, uint32_t seed) {
  Random random(seed);
  UnitReader reader(kMaxBulk);
  StreamUnit unit;
  Units units;
  while (!stream.empty()) {
    const size_t n = std::min<size_t>(stream.size(), 1 + random.Next() % most);
    reader.Add(stream.substr(0, n));
    stream.remove_prefix(n);
    while (true) {
      const auto more = reader.Next(unit);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) break;
      units.texts.push_back(Text(unit));
      units.bytes += unit.bytes;
    }
  }
  EXPECT_EQ(reader.pending(), 0u);
  return units;
}

TEST(UnitReader, CutsTheStreamWhereUnitsEnd) {
  const std::string stream = Command({"SELECT", "0"}) + Command({"SET", "a", "1"}) +
                             Command({"MULTI"}) + Command({"SELECT", "3"}) +
                             Command({"INCR", "b"}) + Command({"exec"}) + Command({"PING"}) +
                             Command({"DEL", "c"});
  for (const size_t most : {size_t{1}, size_t{7}, stream.size()}) {
    const Units units = ReadAll(stream, most, 1);
    EXPECT_THAT(units.texts, ElementsAre("SELECT 0;SET a 1", "SELECT 3;INCR b", "PING", "DEL c"));
    EXPECT_EQ(units.bytes, stream) << "offsets count every byte";
  }
}

TEST(UnitReader, KeepsEveryByteOfRandomStreams) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    std::string stream;
    for (int i = 0; i < 100; ++i) {
      const std::string value(random.Next() % 3000, 'x');
      const bool multi = random.Next() % 4 == 0;
      if (multi) stream += Command({"MULTI"});
      if (random.Next() % 5 == 0) stream += Command({"SELECT", "7"});
      stream += Command({"SET", "key", value});
      if (multi) stream += Command({"GET", "key"}) + Command({"EXEC"});
    }
    EXPECT_EQ(ReadAll(stream, 500, seed).bytes, stream);
  }
}

TEST(UnitReader, HasNothingOfATransactionBeforeItsEnd) {
  UnitReader reader(kMaxBulk);
  StreamUnit unit;
  reader.Add(Command({"MULTI"}) + Command({"SET", "a", "1"}));
  EXPECT_EQ(reader.Next(unit).value(), false);
  reader.Add(Command({"EXEC"}));
  EXPECT_EQ(reader.Next(unit).value(), true);
  EXPECT_EQ(Text(unit), "SET a 1");
}

TEST(UnitReader, RefusesWhatIsNoStream) {
  StreamUnit unit;
  for (const std::string_view bytes : {"hello\r\n", "*1\r\n:5\r\n", "*1\r\n$99999999999\r\n"}) {
    UnitReader reader(kMaxBulk);
    reader.Add(bytes);
    EXPECT_FALSE(reader.Next(unit).ok()) << bytes;
  }
}

TEST(UnitReader, KnowsWordsBetweenNodes) {
  UnitReader reader(kMaxBulk);
  StreamUnit unit;
  reader.Add(Command({"PING"}) + Command({"REPLCONF", "GETACK", "*"}) + Command({"SET", "a", "1"}));
  EXPECT_TRUE(*reader.Next(unit) && IsControl(unit));
  EXPECT_TRUE(*reader.Next(unit) && IsControl(unit));
  EXPECT_TRUE(*reader.Next(unit) && !IsControl(unit));
}

}  // namespace
}  // namespace henge::replication
