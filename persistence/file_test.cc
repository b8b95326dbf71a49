// SPDX-License-Identifier: Apache-2.0
#include "persistence/file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <thread>

namespace henge::persistence {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "/henge-file-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/f";
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<File> Open() {
    auto file = PosixFileSystem().Open(path_, FileSystem::Opening::kCreate);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }
  static void Append(File& file, std::string_view text) {
    const std::string_view pieces[] = {text.substr(0, text.size() / 2),
                                       text.substr(text.size() / 2)};
    const File::Appended appended = file.Append(pieces);
    EXPECT_TRUE(appended.status.ok()) << appended.status;
    EXPECT_EQ(appended.bytes, text.size());
  }
  std::string Contents() {
    auto contents = PosixFileSystem().Read(path_);
    EXPECT_TRUE(contents.ok()) << contents.status();
    return std::string((*contents)->bytes());
  }

  std::string folder_;
  std::string path_;
};

TEST_F(FileTest, AppendsBehindWhatIsThere) {
  Append(*Open(), "one");
  const auto file = Open();
  EXPECT_EQ(file->size(), 3u);
  Append(*file, "two");
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(Contents(), "onetwo");
  EXPECT_TRUE(file->Truncate(2).ok());
  Append(*file, "!");
  EXPECT_EQ(Contents(), "on!");
}

TEST_F(FileTest, RoomIsZerosThatAreWrittenOver) {
  const auto file = Open();
  Append(*file, "one");
  EXPECT_TRUE(file->Reserve(1000, file->room_ticket()).ok());
  const uint64_t room = file->room();
  EXPECT_GE(room, 1000u);
  EXPECT_EQ(Contents(), "one" + std::string(room, '\0'));
  Append(*file, "two");
  EXPECT_EQ(file->size(), 6u);
  EXPECT_EQ(file->room(), room - 3);
  EXPECT_EQ(Contents(), "onetwo" + std::string(room - 3, '\0'));
  // More than there is room for.
  const std::string large(room + 10, 'x');
  Append(*file, large);
  EXPECT_EQ(file->room(), 0u);
  EXPECT_EQ(Contents(), "onetwo" + large);
}

TEST_F(FileTest, RoomIsDroppedAndNotMadeByWhoComesLate) {
  const auto file = Open();
  Append(*file, "one");
  const uint64_t ticket = file->room_ticket();
  EXPECT_TRUE(file->Reserve(1000, ticket).ok());
  EXPECT_TRUE(file->DropRoom().ok());
  EXPECT_TRUE(file->Reserve(1000, ticket).ok());
  EXPECT_EQ(file->room(), 0u);
  EXPECT_EQ(Contents(), "one");
}

TEST_F(FileTest, RoomIsMadeBesideAppending) {
  const auto file = Open();
  std::atomic<bool> done{false};
  std::thread reserver([&] {
    while (!done) EXPECT_TRUE(file->Reserve(300'000, file->room_ticket()).ok());
  });
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = "item " + std::to_string(i) + ";" + std::string(i % 300, 'y');
    Append(*file, text);
    expected += text;
    if (i % 5000 == 0) {
      EXPECT_TRUE(file->DropRoom().ok());
    }
  }
  done = true;
  reserver.join();
  EXPECT_TRUE(file->DropRoom().ok());
  EXPECT_EQ(Contents(), expected);
}

}  // namespace
}  // namespace henge::persistence
