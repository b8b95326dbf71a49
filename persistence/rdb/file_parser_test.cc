// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/file_parser.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "persistence/rdb/sample_values.h"
#include "persistence/rdb/value_reader.h"

namespace henge::persistence {
namespace {

using store::OwnedEntry;

class Recorder : public RdbVisitor {
 public:
  void OnVersion(int version) override { Line("version {}", version); }
  void OnAux(std::string_view name, std::string_view value) override {
    Line("aux {}={}", name, value);
  }
  void OnSize(DbIndex db, uint64_t keys, uint64_t with_expiry) override {
    Line("size {}: {} {}", db, keys, with_expiry);
  }
  void OnSlotSize(uint64_t slot, uint64_t keys, uint64_t with_expiry) override {
    Line("slot {}: {} {}", slot, keys, with_expiry);
  }
  absl::Status OnFunction(std::string_view code) override {
    Line("function {}", code);
    return refuse_functions ? absl::InternalError("no") : absl::OkStatus();
  }
  absl::Status OnKey(const RdbKey& key) override {
    RdbReader reader(key.body, key.offset);
    const auto entry = ReadValue(reader, key.type, key.key, key.expiry, samples_.limits());
    if (!entry.ok()) return entry.status();
    Line("{} {} {} {} {}: {}", key.db, key.key, key.expiry, key.use.idle_seconds.value_or(0),
         key.use.frequency.value_or(0), Describe(**entry));
    return absl::OkStatus();
  }
  void OnSkipped(std::string_view what) override { Line("skipped {}", what); }

  bool refuse_functions = false;
  std::string lines;

 private:
  template <class... T>
  void Line(fmt::format_string<T...> format, T&&... args) {
    lines += fmt::format(format, std::forward<T>(args)...) + "\n";
  }
  SampleValues samples_;
};

std::string Finished(std::string file) {
  RdbWriter writer(file);
  WriteEnd(writer);
  FileChecksum sum;
  sum.Add(file);
  return file + sum.Trailer(true);
}

std::string SampleFile(int version = kRdbDefaultVersion) {
  std::string file;
  RdbWriter writer(file, {.version = version});
  WriteHeader(writer);
  WriteAux(writer, "redis-ver", "7.2.4");
  WriteAux(writer, "redis-bits", int64_t{64});
  WriteFunction(writer, "#!lua name=mylib");
  WriteSelect(writer, 0, 20, 1);
  SampleValues samples;
  for (const OwnedEntry& entry : samples.All()) WriteKey(writer, *entry);
  WriteSelect(writer, 9, 2, 1);
  WriteKey(writer, *OwnedEntry(store::Entry::NewString("timed", "v", 1'900'000'000'123)),
           {.idle_seconds = 300});
  WriteKey(writer, *SampleValues::String("x"), {.frequency = 200});
  return Finished(file);
}

absl::Status ParseWhole(std::string_view file, RdbVisitor& visitor) {
  RdbFileParser parser(visitor);
  const auto taken = parser.Parse(file, true);
  if (!taken.ok()) return taken.status();
  EXPECT_TRUE(parser.done());
  EXPECT_EQ(*taken, file.size());
  return absl::OkStatus();
}

TEST(RdbFile, ComesBackAsItWasWritten) {
  for (int version = kRdbOldestWritten; version <= kRdbNewestVersion; ++version) {
    Recorder seen;
    const absl::Status parsed = ParseWhole(SampleFile(version), seen);
    ASSERT_TRUE(parsed.ok()) << parsed;
    EXPECT_TRUE(seen.lines.starts_with(fmt::format(
        "version {}\naux redis-ver=7.2.4\naux redis-bits=64\nfunction #!lua name=mylib\n"
        "size 0: 20 1\n0 key -1 0 0: string\n",
        version)));
    EXPECT_TRUE(
        seen.lines.ends_with("size 9: 2 1\n9 timed 1900000000123 300 0: string\nv\n"
                             "9 key -1 0 200: string\nx\n"));
  }
}

TEST(RdbFile, IsTheSameHoweverItIsFed) {
  const std::string file = SampleFile();
  Recorder whole;
  ASSERT_TRUE(ParseWhole(file, whole).ok());
  for (const size_t step : {size_t{1} << 15, size_t{4099}, size_t{97}}) {
    Recorder seen;
    RdbFileParser parser(seen);
    size_t begin = 0;
    size_t end = 0;
    while (!parser.done()) {
      end = std::min(file.size(), end + step);
      const auto taken =
          parser.Parse(std::string_view(file).substr(begin, end - begin), end == file.size());
      ASSERT_TRUE(taken.ok()) << taken.status();
      begin += *taken;
    }
    EXPECT_EQ(parser.offset(), file.size());
    EXPECT_EQ(seen.lines, whole.lines);
  }
}

TEST(RdbFile, StopsWhereItEnds) {
  Recorder seen;
  RdbFileParser parser(seen);
  const std::string file = SampleFile();
  const auto taken = parser.Parse(file + "*1\r\n$4\r\nPING\r\n", true);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(*taken, file.size());
  EXPECT_TRUE(parser.done());
}

TEST(RdbFile, SumsAreCheckedUnlessTheyAreZero) {
  std::string file = SampleFile();
  Recorder seen;
  file.back() ^= 1;
  const absl::Status wrong = ParseWhole(file, seen);
  EXPECT_EQ(wrong.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(wrong.message()).find("checksum"), std::string::npos);
  RdbFileParser unchecked(seen, {.verify_checksum = false});
  EXPECT_TRUE(unchecked.Parse(file, true).ok());
  EXPECT_TRUE(ParseWhole(file.substr(0, file.size() - 8) + std::string(8, '\0'), seen).ok());
}

TEST(RdbFile, WhatIsOfModulesIsPassedOver) {
  std::string file;
  RdbWriter writer(file, {});
  WriteHeader(writer);
  const auto module_value = [&] {
    writer.Length(uint64_t{1} << 10);  // AAAAAAAAB
  };
  writer.Opcode(RdbOpcode::kModuleAux);
  module_value();
  writer.Length(2);
  writer.Length(1);
  writer.Length(0);
  writer.Opcode(RdbOpcode::kSlotInfo);
  for (const int number : {16000, 5, 1}) writer.Length(static_cast<uint64_t>(number));
  writer.Type(RdbType::kModule2);
  writer.String("doc");
  module_value();
  writer.Length(5);
  writer.String("{}");
  writer.Length(0);
  Recorder seen;
  const absl::Status parsed = ParseWhole(Finished(file), seen);
  ASSERT_TRUE(parsed.ok()) << parsed;
  EXPECT_EQ(seen.lines,
            "version 11\nskipped offset 10: auxiliary data of module 'AAAAAAAAB'\n"
            "slot 16000: 5 1\n"
            "skipped offset 25: value of module type 'AAAAAAAAB' at key 'doc'\n");
}

TEST(RdbFile, OldFilesHaveNoSumAndSeconds) {
  Recorder seen;
  const std::string file("REDIS0002\xfe\x03\xfd\x00\x00\x00\x40\x00\x01k\x01v\xff", 22);
  ASSERT_TRUE(ParseWhole(file, seen).ok());
  EXPECT_EQ(seen.lines, "version 2\n3 k 1073741824000 0 0: string\nv\n");
}

TEST(RdbFile, ValkeysFilesHaveTypesOfTheirOwn) {
  Recorder seen;
  std::string file(
      "VALKEY080\x16\x01h\x01\x01"
      "f\x01v",
      17);
  file += std::string(8, '\xff') + '\xff' + std::string(8, '\0');
  const absl::Status parsed = ParseWhole(file, seen);
  ASSERT_TRUE(parsed.ok()) << parsed;
  EXPECT_EQ(seen.lines, "version 80\n0 h -1 0 0: hash\nf=v -1\n");
  const std::string redis = "REDIS0012" + file.substr(9);
  EXPECT_FALSE(ParseWhole(redis, seen).ok());
}

TEST(RdbFile, DamageIsRefusedWithItsOffset) {
  const auto refused = [](std::string_view file, std::string_view message) {
    Recorder seen;
    const absl::Status parsed = ParseWhole(file, seen);
    EXPECT_EQ(parsed.message(), std::string(message));
  };
  refused("REDIS", "offset 0: unexpected end of data");
  refused("RODIS0011\xff", "offset 9: not an RDB file: it does not begin with REDIS and a version");
  refused("REDIS0099", "offset 9: RDB version 99 is not known here");
  refused("VALKEY081", "offset 9: RDB version 81 is not known here");
  refused("VALKEY080\xf3", "offset 10: slots that Valkey was about to import");
  refused("REDIS0011\x1a", "offset 10: unknown opcode 26");
  refused("REDIS0011\xf0", "offset 10: unknown opcode 240");
  refused("REDIS0011\x08\x01k", "offset 12: unknown type of value 8");
  refused(std::string_view("REDIS0011\x00\x01k\x05v", 14), "offset 13: unexpected end of data");
  refused("REDIS0011\xff", "offset 10: unexpected end of data");
  Recorder seen;
  RdbFileParser few(seen, {.databases = 2});
  EXPECT_EQ(few.Parse("REDIS0011\xfe\x02", true).status().code(), absl::StatusCode::kOutOfRange);
  Recorder refusing;
  refusing.refuse_functions = true;
  EXPECT_EQ(ParseWhole(SampleFile(), refusing).code(), absl::StatusCode::kInternal);
}

TEST(RdbFile, SurvivesDamage) {
  const std::string good = SampleFile();
  Random random(5);
  for (int round = 0; round < 100; ++round) {
    std::string bad = good;
    for (size_t n = 1 + random.Next() % 3; n-- > 0;) {
      bad[random.Next() % bad.size()] = static_cast<char>(random.Next());
    }
    if (random.Next() % 2 == 0) bad.resize(random.Next() % bad.size());
    Recorder seen;
    RdbFileParser parser(seen, {.verify_checksum = false});
    (void)parser.Parse(bad, true);
    RdbFileParser checking(seen);
    EXPECT_FALSE(checking.Parse(bad, true).ok() && bad != good);
  }
}

}  // namespace
}  // namespace henge::persistence
