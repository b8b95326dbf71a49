// SPDX-License-Identifier: Apache-2.0
#include "persistence/rdb/value_reader.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "persistence/rdb/payload.h"
#include "persistence/rdb/sample_values.h"
#include "persistence/rdb/value_writer.h"

namespace henge::persistence {
namespace {

using store::Encoding;
using store::EncodingName;
using store::OwnedEntry;
using store::Type;

std::string BodyOf(const store::Entry& entry, const RdbOptions& options) {
  std::string body;
  RdbWriter writer(body, options);
  WriteBody(entry, writer);
  return body;
}

absl::StatusOr<OwnedEntry> Read(RdbType type, std::string_view body,
                                const store::EncodingLimits& limits) {
  RdbReader reader(body);
  auto entry = ReadValue(reader, static_cast<uint8_t>(type), "key", kNoExpiry, limits);
  if (entry.ok()) {
    EXPECT_EQ(reader.left(), 0u);
  }
  return entry;
}

TEST(RdbValues, ComeBackFromEveryVersion) {
  SampleValues samples;
  for (const OwnedEntry& entry : samples.All()) {
    for (int version = kRdbOldestWritten; version <= kRdbNewestVersion; ++version) {
      for (const bool compress : {false, true}) {
        const RdbType type = RdbTypeOf(*entry, version);
        EXPECT_LE(VersionOfType(type), version);
        const std::string body = BodyOf(*entry, {.version = version, .compress = compress});
        const auto read = Read(type, body, samples.limits());
        ASSERT_TRUE(read.ok()) << read.status() << RdbTypeName(static_cast<uint8_t>(type));
        EXPECT_EQ(Describe(**read), Describe(*entry));
        EXPECT_EQ(EncodingName((*read)->encoding()), EncodingName(entry->encoding()));
        RdbReader skipping(body);
        SkipValue(skipping, static_cast<uint8_t>(type));
        EXPECT_TRUE(skipping.ok());
        EXPECT_EQ(skipping.left(), 0u);
        if (version == kRdbDefaultVersion) {
          EXPECT_EQ(BodyOf(**read, {.compress = compress}).size(), body.size());
        }
      }
    }
  }
}

TEST(RdbValues, FieldsKeepTheirDeadlines) {
  SampleValues samples;
  for (const OwnedEntry& entry : samples.WithDeadlines()) {
    for (const int version : {11, 12}) {
      const RdbType type = RdbTypeOf(*entry, version);
      EXPECT_EQ(VersionOfType(type), 12);
      const auto read = Read(type, BodyOf(*entry, {.version = version}), samples.limits());
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(Describe(**read), Describe(*entry));
      EXPECT_EQ((*read)->member_deadline(), entry->member_deadline());
      EXPECT_EQ((*read)->encoding(), entry->encoding());
    }
    EXPECT_EQ(RdbTypeOf(*entry, 10), RdbType::kHash);
    const auto older = Read(RdbType::kHash, BodyOf(*entry, {.version = 10}), samples.limits());
    ASSERT_TRUE(older.ok());
    EXPECT_EQ((*older)->member_deadline(), kNoExpiry);
  }
}

TEST(RdbValues, ReadsTheDeadlinesOfReleaseCandidates) {
  SampleValues samples;
  const OwnedEntry packed = samples.Hash({"plain", "t1", "t2"});
  std::string body = BodyOf(*packed, {.version = 12});
  auto read = Read(RdbType::kHashListpackExEarly, body.substr(8), samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe(**read), Describe(*packed));

  std::string triples;
  RdbWriter writer(triples);
  writer.Length(2);
  for (const auto& [deadline, field] : {std::pair{uint64_t{1'800'000'000'000}, "f"}, {0, "g"}}) {
    writer.Length(deadline);
    writer.String(field);
    writer.String("v");
  }
  read = Read(RdbType::kHashDeadlinesEarly, triples, samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe(**read), "hash\nf=v 1800000000000\ng=v -1");
}

std::string ValkeyTriples(std::initializer_list<std::pair<int64_t, std::string_view>> fields) {
  std::string body;
  RdbWriter writer(body);
  writer.Length(fields.size());
  for (const auto& [deadline, field] : fields) {
    writer.String(field);
    writer.String("v");
    writer.Fixed64(static_cast<uint64_t>(deadline));
  }
  return body;
}

TEST(RdbValues, ReadsTheDeadlinesOfValkey) {
  SampleValues samples;
  const auto read = [&](std::initializer_list<std::pair<int64_t, std::string_view>> fields) {
    return Read(RdbType::kHashDeadlinesValkey, ValkeyTriples(fields), samples.limits());
  };
  const auto hash = read({{1'800'000'000'000, "f"}, {-1, "g"}, {0, "h"}});
  ASSERT_TRUE(hash.ok()) << hash.status();
  EXPECT_EQ(Describe(**hash), "hash\nf=v 1800000000000\ng=v -1\nh=v 1");
  EXPECT_FALSE(read({{-2, "f"}}).ok());
  EXPECT_FALSE(read({{INT64_MAX, "f"}}).ok());
  EXPECT_FALSE(read({{-1, "f"}, {-1, "f"}}).ok());
}

TEST(RdbValues, LargeOnesAreConvertedAsTheLimitsSay) {
  SampleValues samples;
  store::EncodingLimits small;
  small.hash_max_listpack_entries = 2;
  small.set_max_intset_entries = 2;
  small.set_max_listpack_entries = 2;
  small.zset_max_listpack_entries = 2;
  small.list_max_listpack_size = 2;
  const std::pair<OwnedEntry, Encoding> cases[] = {
      {samples.Set({"1", "2", "3"}), Encoding::kHashtable},
      {samples.Set({"a", "2", "3"}), Encoding::kHashtable},
      {samples.Hash({"a", "2", "3"}), Encoding::kHashtable},
      {samples.Hash({"a", "t2", "t3"}), Encoding::kHashtable},
      {samples.SortedSet({{"a", 1}, {"b", 2}, {"c", 2}}), Encoding::kSkiplist},
      {samples.List({"a", "b", "c"}), Encoding::kQuicklist},
  };
  for (const auto& [entry, encoding] : cases) {
    for (const int version : {9, 12}) {
      const auto read =
          Read(RdbTypeOf(*entry, version), BodyOf(*entry, {.version = version}), small);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(EncodingName((*read)->encoding()), EncodingName(encoding));
      if (version == 12) {
        EXPECT_EQ(Describe(**read), Describe(*entry));
      }
    }
  }
}

// --- Forms that only Redis writes ---------------------------------------------------------------

std::string StringBody(std::string_view block) {
  std::string body;
  RdbWriter writer(body);
  writer.String(block);
  return body;
}

// "a", 2, -1000, 100000, 1 << 40, a text of 100 bytes: every way an element can stand in one.
std::string SampleZiplist(std::string_view first = "a") {
  std::string elements;
  size_t before = 0;
  size_t count = 0;
  size_t last = 10;
  const auto add = [&](std::string payload) {
    last = 10 + elements.size();
    const std::string element = std::string(1, static_cast<char>(before)) + payload;
    elements += element;
    before = element.size();
    ++count;
  };
  add(std::string(1, static_cast<char>(first.size())) + std::string(first));
  add("\xf3");
  add(std::string("\xc0\x18\xfc", 3));
  add(std::string("\xd0\xa0\x86\x01\x00", 5));
  add(std::string("\xe0\0\0\0\0\0\x01\0\0", 9));
  add(std::string("\x40\x64", 2) + std::string(100, 'x'));
  add(std::string("\xfe\x9c", 2));
  add(std::string("\xf0\x40\x42\x0f", 4));
  const auto fixed = [](uint32_t value) {
    return std::string(reinterpret_cast<const char*>(&value), 4);
  };
  std::string list = fixed(static_cast<uint32_t>(11 + elements.size()));
  list += fixed(static_cast<uint32_t>(last));
  list += std::string(1, static_cast<char>(count)) + std::string(1, '\0');
  return list + elements + "\xff";
}

TEST(RdbValues, ReadsZiplists) {
  SampleValues samples;
  const std::string x(100, 'x');
  auto read = Read(RdbType::kListZiplist, StringBody(SampleZiplist()), samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  const std::string list = "list\na\n2\n-1000\n100000\n1099511627776\n" + x + "\n-100\n1000000";
  EXPECT_EQ(Describe(**read), list);
  EXPECT_EQ((*read)->encoding(), Encoding::kListpack);

  std::string quicklist;
  RdbWriter writer(quicklist);
  writer.Length(2);
  writer.String(SampleZiplist());
  writer.String(SampleZiplist("b"));
  read = Read(RdbType::kListQuicklist, quicklist, samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->encoding(), Encoding::kQuicklist);
  EXPECT_EQ(store::ListView(**read).size(), 16u);

  read = Read(RdbType::kHashZiplist, StringBody(SampleZiplist()), samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe(**read),
            "hash\n-1000=100000 -1\n-100=1000000 -1\n1099511627776=" + x + " -1\na=2 -1");
  EXPECT_FALSE(
      Read(RdbType::kSortedSetZiplist, StringBody(SampleZiplist()), samples.limits()).ok());
}

TEST(RdbValues, ReadsZipmaps) {
  SampleValues samples;
  const std::string map(
      "\x02\x03"
      "foo\x03\x00"
      "bar\x05"
      "hello\x05\x02"
      "world??\xff",
      26);
  const auto read = Read(RdbType::kHashZipmap, StringBody(map), samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe(**read), "hash\nfoo=bar -1\nhello=world -1");
}

TEST(RdbValues, ReadsScoresInDigits) {
  SampleValues samples;
  const std::string body(
      "\x03\x01"
      "a\x03"
      "2.5\x01"
      "b\xff\x01"
      "c\x01"
      "1",
      14);
  const auto read = Read(RdbType::kSortedSet, body, samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe(**read), "zset\nb -inf\nc 1\na 2.5");
}

TEST(RdbValues, UnsortedListpacksAreSorted) {
  SampleValues samples;
  store::Listpack pack = store::Listpack::New();
  for (const char* text : {"b", "2", "a", "1"}) pack.Append(text);
  const std::string block(pack.view());
  std::free(pack.block());
  const auto read = Read(RdbType::kSortedSetListpack, StringBody(block), samples.limits());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Describe(**read), "zset\na 1\nb 2");
}

TEST(RdbValues, ModulesAreNamed) {
  SampleValues samples;
  std::string body;
  RdbWriter writer(body);
  uint64_t id = 0;
  for (const char c : std::string_view("BBBBBBBBB")) id = id << 6 | static_cast<uint64_t>(c - 'A');
  writer.Length(id << 10 | 3);
  writer.Length(2);
  writer.Length(1000);
  writer.Length(5);
  writer.String("text");
  writer.Length(0);
  const auto read = Read(RdbType::kModule2, body, samples.limits());
  EXPECT_EQ(read.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(std::string(read.status().message()).find("'BBBBBBBBB'"), std::string::npos);
  RdbReader skipping(body);
  SkipValue(skipping, static_cast<uint8_t>(RdbType::kModule2));
  EXPECT_EQ(skipping.left(), 0u);
}

// --- What is wrong ------------------------------------------------------------------------------

void ExpectDamage(RdbType type, std::string_view body,
                  absl::StatusCode code = absl::StatusCode::kDataLoss) {
  SampleValues samples;
  RdbReader reader(body);
  const auto read =
      ReadValue(reader, static_cast<uint8_t>(type), "key", kNoExpiry, samples.limits());
  EXPECT_EQ(read.status().code(), code) << RdbTypeName(static_cast<uint8_t>(type));
}

TEST(RdbValues, RefusesTwoOfTheSame) {
  using std::string_view_literals::operator""sv;
  ExpectDamage(RdbType::kSet,
               "\x02\x01"
               "a\x01"
               "a"sv);
  ExpectDamage(RdbType::kSet, "\x02\xc0\x05\xc0\x05"sv);
  ExpectDamage(RdbType::kHash,
               "\x02\x01"
               "a\x01"
               "1\x01"
               "a\x01"
               "2"sv);
  ExpectDamage(RdbType::kSortedSet,
               "\x02\x01"
               "a\x01"
               "1\x01"
               "a\x01"
               "2"sv);
  store::Listpack pack = store::Listpack::New();
  for (const char* text : {"a", "1", "a", "2"}) pack.Append(text);
  const std::string body = StringBody(pack.view());
  std::free(pack.block());
  ExpectDamage(RdbType::kSetListpack, body);
  ExpectDamage(RdbType::kHashListpack, body);
  ExpectDamage(RdbType::kSortedSetListpack, body);
}

TEST(RdbValues, RefusesWhatMakesNoSense) {
  using std::string_view_literals::operator""sv;
  ExpectDamage(static_cast<RdbType>(8),
               "\x01"
               "a"sv);
  ExpectDamage(static_cast<RdbType>(99), "");
  ExpectDamage(RdbType::kSortedSet,
               "\x01\x01"
               "a\xfd"sv);                                                        // NaN.
  ExpectDamage(RdbType::kSetIntset, StringBody("\x03\0\0\0\x01\0\0\0\x01\0"sv));  // Width 3.
  ExpectDamage(RdbType::kListQuicklist2,
               "\x01\x03\x01"
               "a"sv);
  ExpectDamage(RdbType::kHashListpackEx, std::string(8, '\0') + StringBody("nothing"));
  ExpectDamage(RdbType::kSet, "\0"sv, absl::StatusCode::kNotFound);
  ExpectDamage(RdbType::kListQuicklist2, "\0"sv, absl::StatusCode::kNotFound);
  std::string zero = StringBody(SampleZiplist());
  for (size_t i = 0; i + 1 < zero.size(); ++i)
    ExpectDamage(RdbType::kListZiplist, zero.substr(0, i));
}

// Whatever is done to the bytes, a value is sound or refused; sanitizers see the rest.
TEST(RdbValues, SurviveDamage) {
  SampleValues samples;
  std::vector<OwnedEntry> all = samples.All();
  for (OwnedEntry& entry : samples.WithDeadlines()) all.push_back(std::move(entry));
  Random random(11);
  for (const OwnedEntry& entry : all) {
    for (const int version : {9, 12}) {
      const std::string good = BodyOf(*entry, {.version = version, .compress = false});
      const auto type = static_cast<uint8_t>(RdbTypeOf(*entry, version));
      for (int round = 0; round < 150; ++round) {
        std::string bad = good;
        for (size_t n = random.Next() % 4; n-- > 0 && !bad.empty();) {
          bad[random.Next() % bad.size()] = static_cast<char>(random.Next());
        }
        if (random.Next() % 3 == 0) bad.resize(random.Next() % (bad.size() + 1));
        RdbReader reader(bad);
        const auto read = ReadValue(reader, type, "key", kNoExpiry, samples.limits());
        if (read.ok()) {
          Describe(**read);
          BodyOf(**read, {});
        }
        RdbReader skipping(bad);
        SkipValue(skipping, type);
        if (read.ok()) {
          EXPECT_TRUE(skipping.ok());
          EXPECT_EQ(skipping.position(), reader.position());
        }
      }
    }
  }
}

TEST(RdbPayload, IsSealed) {
  SampleValues samples;
  const std::string payload = DumpPayload(*SampleValues::String("10"), {.version = 10});
  // What redis-server 7.0 answers.
  EXPECT_EQ(payload.substr(0, 5), std::string("\x00\xc0\x0a\x0a\x00", 5));
  const auto value = Unseal(payload);
  ASSERT_TRUE(value);
  const auto entry = LoadUnsealed(*value, "k", 77, samples.limits());
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(Describe(**entry), "string\n10");
  EXPECT_EQ((*entry)->key(), "k");
  EXPECT_EQ((*entry)->expiry(), 77);
  for (size_t i = 0; i < payload.size(); ++i) {
    std::string bad = payload;
    bad[i] ^= 4;
    EXPECT_FALSE(Unseal(bad)) << i;
    EXPECT_FALSE(Unseal(payload.substr(0, i)));
  }
  const std::string valkeys = '\x16' + ValkeyTriples({{-1, "f"}});
  const auto hash = LoadUnsealed({valkeys, kRdbValkeyVersion}, "k", 77, samples.limits());
  ASSERT_TRUE(hash.ok()) << hash.status();
  EXPECT_EQ(Describe(**hash), "hash\nf=v -1");
  EXPECT_FALSE(LoadUnsealed({valkeys, kRdbNewestVersion}, "k", 77, samples.limits()).ok());
  EXPECT_FALSE(LoadUnsealed({"\x1a" + valkeys.substr(1), 80}, "k", 77, samples.limits()).ok());
  EXPECT_FALSE(
      LoadUnsealed({std::string(value->value) + "x", value->version}, "k", 77, samples.limits())
          .ok());
}

}  // namespace
}  // namespace henge::persistence
