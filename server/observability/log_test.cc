// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "server/observability/log_output.h"
#include "server/observability/log_text.h"

namespace henge::server {
namespace {

std::string Text(std::string_view message, LogFields fields = {}) {
  return LogText(message, {fields.begin(), fields.end()});
}
std::string Json(std::string_view message, LogFields fields = {}) {
  return LogJson(message, {fields.begin(), fields.end()});
}

TEST(LogText, WritesFieldsBesideTheMessage) {
  EXPECT_EQ(Text("hello"), "hello");
  EXPECT_EQ(Text("hello", {{"port", 6379}, {"up", true}, {"share", 0.5}, {"who", "a b"}}),
            R"(hello port=6379 up=true share=0.5 who="a b")");
  EXPECT_EQ(Text("m", {{"empty", ""}, {"big", std::numeric_limits<uint64_t>::max()}}),
            R"(m empty="" big=18446744073709551615)");
}

TEST(LogText, StaysOnOneLineWhateverIsInIt) {
  EXPECT_EQ(Text("a\nb"), R"(a\nb)");
  EXPECT_EQ(Text("m", {{"key", "1\n2\"3\\\x01"}}), R"(m key="1\n2\"3\\\x01")");
}

TEST(LogJson, IsAnObjectsInside) {
  EXPECT_EQ(Json("say \"hi\"", {{"n", -1}, {"ok", false}, {"s", "a\\b"}}),
            R"("message":"say \"hi\"","n":-1,"ok":false,"s":"a\\b")");
  EXPECT_EQ(Json("m", {{"x", std::numeric_limits<double>::infinity()}}),
            R"("message":"m","x":null)");
}

TEST(LogJson, KeepsUtf8AndEscapesOtherBytes) {
  EXPECT_EQ(Json("h\xc3\xa9"), "\"message\":\"h\xc3\xa9\"");
  EXPECT_EQ(Json("\xff\xc3|\xed\xa0\x80\n"),
            R"("message":"\u00ff\u00c3|\u00ed\u00a0\u0080\u000a")");
}

// The process has one log; each test sends it to a file of its own.
class LogOutput : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "henge_log_test." + std::to_string(getpid());
    std::filesystem::remove(path_);
    ASSERT_TRUE(StartLogging({.file = path_}).ok());
  }
  void TearDown() override {
    SetLogLevel(LogLevel::kNotice);
    SetLogFormat(LogFormat::kText);
    SetLogSink(nullptr);
    ASSERT_TRUE(SetLogFile("").ok());
    std::filesystem::remove(path_);
  }
  static std::vector<std::string> Lines(const std::string& path) {
    FlushLog();
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  std::string path_;
};

TEST_F(LogOutput, HasRedissShape) {
  LogNotice("first");
  LogWarning("second", {{"n", 2}});
  const auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 2u);
  const std::string start = std::to_string(getpid()) + ":M ";
  EXPECT_TRUE(lines[0].starts_with(start));
  // 21 Nov 2026 07:03:17.123
  const std::string_view time = std::string_view(lines[0]).substr(start.size(), 24);
  EXPECT_EQ(time[2], ' ');
  EXPECT_EQ(time[6], ' ');
  EXPECT_EQ(time[14], ':');
  EXPECT_EQ(time[20], '.');
  EXPECT_EQ(lines[0].substr(start.size() + 24), " * first");
  EXPECT_EQ(lines[1].substr(start.size() + 24), " # second n=2");
}

TEST_F(LogOutput, WritesJsonWhenAsked) {
  SetLogFormat(LogFormat::kJson);
  LogError("boom", {{"code", 7}});
  const auto lines = Lines(path_);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].starts_with(R"({"time":"20)")) << lines[0];
  EXPECT_TRUE(lines[0].ends_with(R"(,"message":"boom","code":7})")) << lines[0];
  EXPECT_NE(lines[0].find(R"("level":"error")"), std::string::npos) << lines[0];
}

TEST_F(LogOutput, LeavesOutWhatIsBelowTheLevel) {
  LogVerbose("unseen");
  SetLogLevel(LogLevel::kVerbose);
  LogVerbose("seen");
  SetLogLevel(LogLevel::kNothing);
  LogError("unseen");
  EXPECT_EQ(Lines(path_).size(), 1u);
}

TEST_F(LogOutput, OpensTheFileAnewWhenItWasMoved) {
  LogNotice("before");
  FlushLog();
  std::filesystem::rename(path_, path_ + ".1");
  LogNotice("after");
  EXPECT_EQ(Lines(path_).size(), 1u);
  EXPECT_EQ(Lines(path_ + ".1").size(), 1u);
  std::filesystem::remove(path_ + ".1");
}

TEST_F(LogOutput, StaysWhereItWasWhenAFileCannotBeOpened) {
  EXPECT_FALSE(SetLogFile("/nonexistent/folder/log").ok());
  LogNotice("still here");
  EXPECT_EQ(Lines(path_).size(), 1u);
}

TEST_F(LogOutput, CountsEveryLineAsWrittenOrDropped) {
  constexpr size_t kThreads = 4;
  constexpr size_t kEach = 5000;
  const uint64_t dropped_before = DroppedLogLines();
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (size_t n = 0; n < kEach; ++n) LogNotice("line", {{"n", n}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Lines(path_).size() + (DroppedLogLines() - dropped_before), kThreads * kEach);
}

}  // namespace
}  // namespace henge::server
