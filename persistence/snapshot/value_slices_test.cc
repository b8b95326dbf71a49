// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/value_slices.h"

#include <gtest/gtest.h>

#include "persistence/rdb/rdb_reader.h"
#include "persistence/rdb/sample_values.h"
#include "persistence/rdb/value_reader.h"
#include "persistence/rdb/value_writer.h"

namespace henge::persistence {
namespace {

class ValueSlicesTest : public testing::Test {
 protected:
  // All its slices, each in its final form; how many there were.
  static std::string Sliced(const store::Entry& entry, const RdbOptions& options, int& count) {
    ValueSlices slices(entry, options.version);
    std::string all;
    RdbWriter writer(all, options);
    bool more = true;
    for (count = 0; more; ++count) {
      RecordSlice slice;
      more = slices.Next(slice);
      EXPECT_LE(slice.bytes.size(), 3 * SliceWriter::kBytes);
      AppendSlice(slice, writer);
    }
    return all;
  }
  std::string Read(std::string_view bytes, RdbType type) {
    RdbReader reader(bytes);
    const auto entry =
        ReadValue(reader, static_cast<uint8_t>(type), "key", kNoExpiry, samples_.limits());
    EXPECT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(reader.left(), 0u);
    return entry.ok() ? Describe(**entry) : "";
  }
  // What is read back is what was written, in each version that can hold it.
  int Check(const store::Entry& entry, bool with_deadlines = false) {
    int count = 0;
    for (int version = with_deadlines ? kRdbNewestVersion : kRdbOldestWritten;
         version <= kRdbNewestVersion; ++version) {
      for (const bool compress : {false, true}) {
        const std::string bytes = Sliced(entry, {version, compress}, count);
        EXPECT_EQ(Read(bytes, RdbTypeOf(entry, version)), Describe(entry)) << "version " << version;
      }
    }
    return count;
  }

  SampleValues samples_;
};

TEST_F(ValueSlicesTest, MakeOneOfWhatIsSmall) {
  for (const store::OwnedEntry& entry : samples_.All()) {
    if (entry->is_collection()) Check(*entry);
  }
  for (const store::OwnedEntry& entry : samples_.WithDeadlines()) Check(*entry, true);
}

TEST_F(ValueSlicesTest, CutWhatIsLarge) {
  EXPECT_GT(Check(*samples_.Set(SampleValues::Numbered("member", 5000))), 3);
  EXPECT_GT(Check(*samples_.SortedSet(SampleValues::Scored(5000))), 3);
  EXPECT_GT(Check(*samples_.Hash(SampleValues::Numbered("field", 5000))), 3);
  EXPECT_GT(Check(*samples_.Hash(SampleValues::Numbered("timed", 5000)), true), 3);
  EXPECT_GT(Check(*samples_.List(SampleValues::Numbered("a rather long element ", 40'000))), 3);
  EXPECT_GT(Check(*samples_.Stream(40'000, false)), 3);
  EXPECT_GT(Check(*samples_.Stream(4000, true)), 3);
}

// Texts of many sizes around those that are cut, between short ones.
TEST_F(ValueSlicesTest, CutLongTexts) {
  std::vector<std::string> texts;
  for (const size_t size : {10, 65'536, 65'537, 30, 200'000, 131'072, 5, 1'000'000, 64}) {
    texts.push_back(std::string(size, static_cast<char>('a' + texts.size())));
  }
  EXPECT_GT(Check(*samples_.Set(texts)), 10);
  EXPECT_GT(Check(*samples_.List(texts)), 10);
  std::vector<std::pair<std::string, double>> scored;
  for (const std::string& text : texts) scored.emplace_back(text, scored.size());
  EXPECT_GT(Check(*samples_.SortedSet(scored)), 10);
  for (std::string& text : texts) text[0] = 't';  // Each gets a deadline.
  EXPECT_GT(Check(*samples_.Hash(texts, 150'000), true), 10);
}

TEST_F(ValueSlicesTest, CompressAsWellAsTheWhole) {
  const auto entry = samples_.Hash(SampleValues::Numbered("field of a hash ", 3000), 500);
  int count = 0;
  const std::string sliced = Sliced(*entry, {}, count);
  std::string whole;
  RdbWriter writer(whole, {});
  WriteBody(*entry, writer);
  EXPECT_EQ(sliced.size(), whole.size());
}

}  // namespace
}  // namespace henge::persistence
