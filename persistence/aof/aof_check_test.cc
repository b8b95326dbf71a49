// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_check.h"

#include <gtest/gtest.h>

#include <sstream>

#include "persistence/simulated_disk.h"

namespace henge::persistence {
namespace {

constexpr std::string_view kSet = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
constexpr std::string_view kManifest =
    "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n"
    "file a.2.incr.aof seq 2 type i\n";

struct Printed {
  int code;
  std::string out;
};

class AofCheck : public testing::Test {
 protected:
  Printed Check(std::vector<std::string> args, const std::string& answer = "") {
    std::istringstream in(answer);
    std::ostringstream out;
    const RdbChecker rdb = [](std::string_view content) -> absl::StatusOr<uint64_t> {
      if (content.starts_with("REDISBAD")) return absl::InvalidArgumentError("a bad RDB");
      return 9;
    };
    const int code = CheckAof(args, {disk_, rdb, in, out});
    return {code, out.str()};
  }
  SimulatedDisk disk_{1};
};

TEST_F(AofCheck, TellsOfASoundFile) {
  disk_.Put("a.aof", std::string(kSet) + "#TS:1700000000\r\n" + std::string(kSet));
  const Printed run = Check({"a.aof"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "Start checking Old-Style AOF\nAOF analyzed: filename=a.aof, size=70, ok_up_to=70, "
            "ok_up_to_line=15, diff=0\nAOF a.aof is valid\n");
}

TEST_F(AofCheck, TakesRoomForSound) {
  disk_.Put("a.aof", std::string(kSet) + std::string(1000, '\0'));
  const Printed run = Check({"a.aof"});
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out,
            "Start checking Old-Style AOF\nAOF analyzed: filename=a.aof, size=1027, room for more "
            "behind it=1000\nAOF a.aof is valid\n");
}

TEST_F(AofCheck, AsksBeforeItCutsAndKeepsWhatItCut) {
  disk_.Put("a.aof", std::string(kSet) + "!!!");
  Printed run = Check({"a.aof"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.out.find("0x              1b: Expected prefix '*', got: '!'"), std::string::npos);
  EXPECT_NE(run.out.find("AOF a.aof is not valid. Use the --fix option"), std::string::npos);
  EXPECT_EQ(Check({"--fix", "a.aof"}, "n\n").code, 1);
  EXPECT_EQ(disk_.Contents("a.aof")->size(), 30u);
  run = Check({"--fix", "a.aof"}, "y\n");
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("Successfully truncated AOF a.aof"), std::string::npos);
  EXPECT_EQ(disk_.Contents("a.aof"), kSet);
  EXPECT_EQ(disk_.Contents("a.aof.cut-27"), "!!!");
}

TEST_F(AofCheck, GoesThroughAllPartsOfAManifest) {
  disk_.Put("d/a.manifest", std::string(kManifest));
  disk_.Put("d/a.1.base.rdb", "REDIS0011");
  disk_.Put("d/a.1.incr.aof", std::string(kSet));
  Printed run = Check({"d/a.manifest"});
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.out.find("Cannot open file d/a.2.incr.aof"), std::string::npos);
  disk_.Put("d/a.2.incr.aof", "");
  run = Check({"d/a.manifest"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("Start to check BASE AOF (RDB format)."), std::string::npos);
  EXPECT_NE(run.out.find("BASE AOF a.1.base.rdb is valid"), std::string::npos);
  EXPECT_NE(run.out.find("INCR AOF a.2.incr.aof is empty"), std::string::npos);
  EXPECT_NE(run.out.find("All AOF files and manifest are valid"), std::string::npos);
}

TEST_F(AofCheck, CutsOnlyTheLastPart) {
  disk_.Put("d/a.manifest", std::string(kManifest));
  disk_.Put("d/a.1.base.rdb", "REDIS0011");
  disk_.Put("d/a.1.incr.aof", std::string(kSet) + "*1");
  disk_.Put("d/a.2.incr.aof", std::string(kSet) + "*1");
  Printed run = Check({"--fix", "d/a.manifest"}, "y\n");
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.out.find("because it is not the last file"), std::string::npos);
  disk_.Put("d/a.1.incr.aof", std::string(kSet));
  EXPECT_EQ(Check({"--fix", "d/a.manifest"}, "y\n").code, 0);
  EXPECT_EQ(disk_.Contents("d/a.2.incr.aof"), kSet);
}

TEST_F(AofCheck, CutsAtATime) {
  const std::string content = "#TS:100\r\n" + std::string(kSet) + "#TS:200\r\n" + std::string(kSet);
  disk_.Put("a.aof", content);
  EXPECT_EQ(Check({"--truncate-to-timestamp", "200", "a.aof"}).code, 0);
  EXPECT_EQ(disk_.Contents("a.aof"), content);
  const Printed run = Check({"--truncate-to-timestamp", "150", "a.aof"});
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("Successfully truncated AOF a.aof to timestamp 150"), std::string::npos);
  EXPECT_EQ(disk_.Contents("a.aof"), content.substr(0, 36));
  EXPECT_EQ(Check({"--truncate-to-timestamp", "50", "a.aof"}).code, 1);
}

TEST_F(AofCheck, RefusesABadPreambleAndBadArguments) {
  disk_.Put("a.aof", "REDISBAD");
  EXPECT_EQ(Check({"a.aof"}).code, 1);
  disk_.Put("b.aof", "REDIS0011" + std::string(kSet));
  EXPECT_EQ(Check({"b.aof"}).code, 0);
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{}, {"--fox", "a"}, {"--truncate-to-timestamp", "x", "a"}}) {
    EXPECT_EQ(Check(args).code, 1);
    EXPECT_EQ(Check(args).out.substr(0, 5), "Usage");
  }
  EXPECT_EQ(Check({"missing"}).code, 1);
}

}  // namespace
}  // namespace henge::persistence
