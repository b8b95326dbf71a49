// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/rdb_check.h"

#include <gtest/gtest.h>

#include "persistence/rdb/file_writer.h"
#include "persistence/rdb/sample_values.h"

namespace henge::persistence {
namespace {

std::string Finished(std::string file) {
  RdbWriter writer(file);
  WriteEnd(writer);
  FileChecksum sum;
  sum.Add(file);
  return file + sum.Trailer(true);
}

TEST(RdbCheck, CountsWhatIsThere) {
  std::string file;
  RdbWriter writer(file);
  WriteHeader(writer);
  WriteAux(writer, "redis-ver", "7.2.4");
  WriteSelect(writer, 0, 4, 1);
  SampleValues samples;
  WriteKey(writer, *store::OwnedEntry(store::Entry::NewString("s", "1", 1'900'000'000'000)));
  WriteKey(writer, *SampleValues::String("text"));
  WriteKey(writer, *samples.Set({"1", "2"}));
  writer.Type(RdbType::kSet);
  writer.String("empty");
  writer.Length(0);
  RdbSummary summary;
  const absl::Status checked = CheckRdb(Finished(file) + "*1", summary);
  ASSERT_TRUE(checked.ok()) << checked;
  EXPECT_EQ(Print(summary),
            "RDB version 11\n"
            "  redis-ver = 7.2.4\n"
            "3 keys, 1 of them with a deadline; 0 functions\n"
            "  string               2\n"
            "  set-intset           1\n"
            "1 keys of collections without elements: loading leaves them out\n"
            "2 bytes behind the end, which are not the file's\n");
}

TEST(RdbCheck, SaysWhereTheDamageIs) {
  std::string file;
  RdbWriter writer(file);
  WriteHeader(writer);
  WriteKey(writer, *SampleValues::String("text"));
  writer.Type(RdbType::kHashListpack);
  writer.String("broken");
  writer.String("no listpack");
  RdbSummary summary;
  EXPECT_EQ(CheckRdb(Finished(file), summary).message(),
            "offset 39: Hash listpack integrity check failed, in the hash-listpack at key 'broken' "
            "of database 0");
  EXPECT_EQ(summary.keys, 1u);
}

}  // namespace
}  // namespace henge::persistence
