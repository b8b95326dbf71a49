// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/command_base.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "persistence/aof/aof_parser.h"
#include "persistence/rdb/file_writer.h"
#include "persistence/rdb/sample_values.h"

namespace henge::persistence {
namespace {

class Text final : public ByteSink {
 public:
  absl::Status Append(std::string_view bytes) override {
    if (!status_.ok()) return status_;
    text_.append(bytes);
    return absl::OkStatus();
  }
  const std::string& text() const { return text_; }
  void Fail() { status_ = absl::UnavailableError("no disk"); }

 private:
  std::string text_;
  absl::Status status_;
};

// An RDB stream of entries, all named "key", each in a database of its own.
std::string StreamOf(const std::vector<store::OwnedEntry>& entries) {
  std::string bytes;
  RdbWriter writer(bytes, {.version = kRdbNewestVersion, .compress = false});
  WriteHeader(writer);
  WriteAux(writer, "aof-base", "1");
  DbIndex db = 0;
  for (const store::OwnedEntry& entry : entries) {
    WriteSelect(writer, db++, 1, entry->has_expiry() ? 1 : 0);
    WriteKey(writer, *entry);
  }
  WriteEnd(writer);
  return bytes + FileChecksum().Trailer(false);
}

std::string Converted(const std::string& stream, size_t piece, const store::EncodingLimits& limits,
                      std::optional<int64_t> time = std::nullopt) {
  Text out;
  CommandBase base(out, limits, time);
  for (size_t at = 0; at < stream.size(); at += piece) {
    EXPECT_TRUE(base.Append(std::string_view(stream).substr(at, piece)).ok());
  }
  const absl::Status status = base.Finish();
  EXPECT_TRUE(status.ok()) << status;
  return out.text();
}

// One line for each command.
std::vector<std::string> Commands(const std::string& text) {
  std::vector<std::string> lines;
  AofParser parser(text);
  AofParser::Result result;
  while ((result = parser.Next()) <= AofParser::Result::kAnnotation) {
    if (result == AofParser::Result::kAnnotation) {
      lines.emplace_back(parser.annotation());
      continue;
    }
    EXPECT_EQ(parser.commands(), 1u);
    lines.push_back(fmt::format("{}", fmt::join(parser.command(0), " ")));
  }
  EXPECT_EQ(result, AofParser::Result::kEnd) << parser.reason();
  return lines;
}

std::vector<store::OwnedEntry> One(store::OwnedEntry entry) {
  std::vector<store::OwnedEntry> entries;
  entries.push_back(std::move(entry));
  return entries;
}

using Lines = std::vector<std::string>;

TEST(CommandBase, WritesEachTypeInRedissForms) {
  SampleValues samples;
  std::vector<store::OwnedEntry> entries;
  entries.push_back(store::OwnedEntry(store::Entry::NewString("key", "42", 1'900'000'000'000)));
  entries.push_back(samples.List({"a", "1", ""}));
  entries.push_back(samples.Set({"2", "1"}));
  entries.push_back(samples.SortedSet({{"b", 2.5}, {"a", -1}}));
  entries.push_back(samples.Hash({"f", "t"}));
  EXPECT_EQ(
      Commands(Converted(StreamOf(entries), 7, samples.limits(), 1234)),
      (Lines{"#TS:1234", "SELECT 0", "SET key 42", "PEXPIREAT key 1900000000000", "SELECT 1",
             "RPUSH key a 1 ", "SELECT 2", "SADD key 1 2", "SELECT 3", "ZADD key -1 a 2.5 b",
             "SELECT 4", "HMSET key t ttttt f fffff", "HPEXPIREAT key 1899999999223 FIELDS 1 t"}));
}

TEST(CommandBase, WritesAStreamWithItsGroups) {
  SampleValues samples;
  const Lines lines =
      Commands(Converted(StreamOf(One(samples.Stream(3, true))), 1 << 20, samples.limits()));
  const Lines expected = {
      "SELECT 0",
      "XADD key 1-7 f 1 g yy",
      "XADD key 2-7 f 4 g yy",
      "XADD key 3-7 f 9 g x",
      "XSETID key 3-7 ENTRIESADDED 3 MAXDELETEDID 0-0",
      "XGROUP CREATE key g1 4-7 ENTRIESREAD 3",
      "XGROUP CREATECONSUMER key g1 bored",
      "XGROUP CREATECONSUMER key g1 busy",
      "XGROUP CREATECONSUMER key g1 other",
      "XCLAIM key g1 other 0 1-7 TIME 1001 RETRYCOUNT 1 JUSTID FORCE",
      "XCLAIM key g1 busy 0 2-7 TIME 1002 RETRYCOUNT 2 JUSTID FORCE",
      "XCLAIM key g1 other 0 3-7 TIME 1003 RETRYCOUNT 3 JUSTID FORCE",
      "XGROUP CREATE key g2 4-7 ENTRIESREAD -1",
  };
  ASSERT_GT(lines.size(), expected.size());
  EXPECT_EQ(Lines(lines.begin(), lines.begin() + static_cast<ptrdiff_t>(expected.size())),
            expected);
}

TEST(CommandBase, AStreamWithoutEntriesIsMadeAndEmptied) {
  SampleValues samples;
  store::OwnedEntry entry = samples.Stream(0, false);
  EXPECT_EQ(Commands(Converted(StreamOf(One(std::move(entry))), 100, samples.limits())),
            (Lines{"SELECT 0", "XADD key MAXLEN 0 0-1 x y",
                   "XSETID key 0-0 ENTRIESADDED 0 MAXDELETEDID 0-0"}));
}

TEST(CommandBase, LargeCollectionsComeIn64s) {
  SampleValues samples;
  for (const int count : {63, 64, 65, 1000}) {
    const auto members = SampleValues::Numbered("m", count);
    const Lines lines =
        Commands(Converted(StreamOf(One(samples.List(members))), 1000, samples.limits()));
    ASSERT_EQ(lines.size(), static_cast<size_t>(1 + (count + 63) / 64)) << count;
    std::string all;
    for (size_t i = 1; i < lines.size(); ++i) all += lines[i].substr(9);
    std::string expected;
    for (size_t i = 0; i < members.size(); ++i) {
      expected += " " + members[i];
    }
    EXPECT_EQ(all, expected);
  }
}

TEST(CommandBase, HowTheStreamIsCutChangesNothing) {
  SampleValues samples(/*divisor=*/10);
  const std::string stream = StreamOf(samples.All());
  const std::string whole = Converted(stream, stream.size(), samples.limits());
  for (const size_t piece : {1, 13, 4096, 100'000}) {
    EXPECT_EQ(Converted(stream, piece, samples.limits()), whole) << piece;
  }
}

TEST(CommandBase, ErrorsAreTold) {
  SampleValues samples;
  const std::string stream = StreamOf(One(SampleValues::String("value")));
  {
    Text out;
    CommandBase base(out, samples.limits(), std::nullopt);
    EXPECT_TRUE(base.Append(stream.substr(0, stream.size() - 12)).ok());
    EXPECT_FALSE(base.Finish().ok());
  }
  {
    Text out;
    out.Fail();
    CommandBase base(out, samples.limits(), std::nullopt);
    EXPECT_TRUE(base.Append(stream).ok());
    EXPECT_EQ(base.Finish().message(), "no disk");
  }
}

}  // namespace
}  // namespace henge::persistence
