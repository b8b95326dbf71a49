// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/unit_encoding.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace henge::persistence {
namespace {

using Words = std::vector<std::string_view>;

std::string Encoded(const std::vector<Effect>& unit) {
  const UnitLayout layout = MeasureUnit(unit);
  std::string bytes(layout.total() + 1, '~');
  EncodeUnit(unit, layout, bytes.data());
  EXPECT_EQ(bytes.back(), '~');
  bytes.pop_back();
  return bytes;
}

TEST(UnitEncoding, OneEffectStandsAlone) {
  const Words set = {"SET", "k", "v"};
  EXPECT_EQ(Encoded({{0, set}}),
            "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
}

TEST(UnitEncoding, SeveralStandInATransactionAndSelectTheirDatabases) {
  const Words a = {"DEL", "a"};
  const Words b = {"DEL", "b"};
  EXPECT_EQ(Encoded({{3, a}, {3, b}, {12, a}}),
            "*1\r\n$5\r\nMULTI\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n"
            "*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*2\r\n$3\r\nDEL\r\n$1\r\nb\r\n"
            "*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n");
}

TEST(UnitEncoding, MeasuresWordsAndDatabasesOfAnyLength) {
  for (const size_t length : {0, 1, 9, 10, 99, 100, 101, 999, 1000, 70000}) {
    const std::string value(length, 'x');
    for (const int db : {0, 9, 10, 999, 12345, 65535}) {
      const Words words = {"SET", "", value};
      const std::string text = Encoded({{static_cast<DbIndex>(db), words}});
      EXPECT_EQ(text, "*2\r\n$6\r\nSELECT\r\n$" + std::to_string(std::to_string(db).size()) +
                          "\r\n" + std::to_string(db) + "\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$" +
                          std::to_string(length) + "\r\n" + value + "\r\n");
    }
  }
}

TEST(UnitEncoding, MeasuresCommandsOfManyWords) {
  const Words words(123, "w");
  std::string bytes(MeasureCommand(words) + 1, '~');
  char* const end = EncodeCommand(words, bytes.data());
  EXPECT_EQ(end, bytes.data() + bytes.size() - 1);
  EXPECT_EQ(bytes.substr(0, 13), "*123\r\n$1\r\nw\r\n");
}

}  // namespace
}  // namespace henge::persistence
