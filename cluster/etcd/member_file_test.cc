// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/member_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/random.h"

namespace henge::cluster {
namespace {

class MemberFileTest : public ::testing::Test {
 protected:
  MemberFileTest()
      : folder_(std::filesystem::temp_directory_path() / ("henge-member-" + RandomHex(12))) {}
  ~MemberFileTest() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / name) << text;
  }

  const std::filesystem::path folder_;
  MemberFile file_{persistence::PosixFileSystem(), folder_.string()};
};

TEST_F(MemberFileTest, IsReadAsItWasWritten) {
  const auto none = file_.Read();
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  MemberIdentity member{.node = NodeId::Random()};
  for (const char* cluster : {"", "c"}) {
    member.cluster = cluster;
    ASSERT_TRUE(file_.Write(member).ok());
    EXPECT_EQ(*file_.Read(), member);
    member.next = NodeId::Random();
  }
}

TEST_F(MemberFileTest, RefusesADamagedOne) {
  for (const std::string_view text :
       {"", "henge etcd member 1\n", "henge etcd member 1\nx\ny\nz\n"}) {
    Write("member", text);
    EXPECT_TRUE(absl::IsDataLoss(file_.Read().status())) << text;
  }
}

TEST_F(MemberFileTest, RefusesTheFolderOfAnEmbeddedCoordinator) {
  Write("identity", "x");
  EXPECT_TRUE(absl::IsFailedPrecondition(file_.Read().status()));
}

}  // namespace
}  // namespace henge::cluster
