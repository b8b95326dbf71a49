// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/manifest.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/strings.h"
#include "persistence/aof/quoting.h"

namespace henge::persistence {
namespace {

std::string WhyNot(std::string_view text) {
  const absl::StatusOr<AofManifest> manifest = ParseManifest(text);
  return manifest.ok() ? "" : std::string(manifest.status().message());
}

TEST(Manifest, ReadsAndWritesWhatRedisWrites) {
  const std::string text =
      "file appendonly.aof.2.base.rdb seq 2 type b\n"
      "file appendonly.aof.1.base.rdb seq 1 type h\n"
      "file appendonly.aof.4.incr.aof seq 4 type i\n"
      "file appendonly.aof.5.incr.aof seq 5 type i\n";
  const absl::StatusOr<AofManifest> manifest = ParseManifest(text);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->base->name, "appendonly.aof.2.base.rdb");
  EXPECT_EQ(manifest->base_sequence, 2);
  EXPECT_EQ(manifest->increment_sequence, 5);
  ASSERT_EQ(manifest->Loaded().size(), 3u);
  EXPECT_EQ(manifest->Loaded()[2].sequence, 5);
  EXPECT_EQ(FormatManifest(*manifest), text);
}

TEST(Manifest, SkipsCommentsAndWhatItDoesNotKnow) {
  const absl::StatusOr<AofManifest> manifest = ParseManifest(
      "# a comment of any length\n  FILE \"a b\"  Seq 1 TYPE incr size 77 \r\n#file x seq 1 type "
      "b");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  ASSERT_EQ(manifest->increments.size(), 1u);
  EXPECT_EQ(manifest->increments[0].name, "a b");
  EXPECT_EQ(FormatManifest(*manifest), "file \"a b\" seq 1 type i\n");
}

TEST(Manifest, RefusesWithTheLineAndRedissReason) {
  EXPECT_EQ(WhyNot(""), "Found an empty AOF manifest");
  EXPECT_EQ(WhyNot("#\nfile a seq 1 type i\nfile b seq 1 type i\n"),
            "AOF manifest, line 3: 'file b seq 1 type i': Found a non-monotonic sequence number");
  EXPECT_EQ(WhyNot("file a seq 1 type b\nfile b seq 2 type b\n"),
            "AOF manifest, line 2: 'file b seq 2 type b': Found duplicate base file information");
  EXPECT_EQ(WhyNot("file a/b seq 1 type b\n"),
            "AOF manifest, line 1: 'file a/b seq 1 type b': File can't be a path, just a filename");
  EXPECT_EQ(WhyNot("file a seq 1 type x\n"),
            "AOF manifest, line 1: 'file a seq 1 type x': Unknown AOF file type");
  EXPECT_EQ(WhyNot("file a seq 1 type b"),
            "AOF manifest, line 1: 'file a seq 1 type b': The AOF manifest file contains too long "
            "line");
  for (const char* line : {"\n", "file a seq 1\n", "file a seq 1 type\n", "file a seq 0 type b\n",
                           "file \"a seq 1 type b\n", "file a file b seq 1\n", "x y z u v w\n",
                           "file a seq 99999999999999999999 type b\n"}) {
    EXPECT_NE(WhyNot(line).find("Invalid AOF manifest file format"), std::string::npos) << line;
  }
  const std::string longest = "file " + std::string(1024 - 5 - 14, 'x') + " seq 1 type i\n";
  EXPECT_EQ(longest.size(), 1024u);
  EXPECT_EQ(WhyNot(longest), "");
  EXPECT_NE(WhyNot("file x" + longest.substr(5)), "");
}

TEST(Manifest, ARewriteMakesHistoryOfWhatWasBefore) {
  AofManifest manifest;
  EXPECT_EQ(manifest.ReplaceBase("a", BaseFormat::kRdb).name, "a.1.base.rdb");
  EXPECT_EQ(manifest.AddIncrement("a").name, "a.1.incr.aof");
  manifest.AddIncrement("a");
  manifest.AddIncrement("a");
  EXPECT_EQ(manifest.ReplaceBase("a", BaseFormat::kAof).name, "a.2.base.aof");
  manifest.Retire(3);
  EXPECT_EQ(FormatManifest(manifest),
            "file a.2.base.aof seq 2 type b\nfile a.2.incr.aof seq 2 type h\n"
            "file a.1.incr.aof seq 1 type h\nfile a.1.base.rdb seq 1 type h\n"
            "file a.3.incr.aof seq 3 type i\n");
}

TEST(Manifest, NoNameComesTwice) {
  absl::StatusOr<AofManifest> manifest =
      ParseManifest("file a.1.base.rdb seq 1 type h\nfile a.1.incr.aof seq 1 type h\n");
  ASSERT_TRUE(manifest.ok());
  EXPECT_EQ(manifest->ReplaceBase("a", BaseFormat::kRdb).name, "a.2.base.rdb");
  EXPECT_EQ(manifest->AddIncrement("a").name, "a.2.incr.aof");
}

TEST(Manifest, IsToldFromOtherFiles) {
  EXPECT_TRUE(LooksLikeManifest("# x\nfile a seq 1 type b\n"));
  EXPECT_FALSE(LooksLikeManifest(""));
  EXPECT_FALSE(LooksLikeManifest("#TS:1628217470\r\n*1\r\n$4\r\nPING\r\n"));
  EXPECT_FALSE(LooksLikeManifest("REDIS0011"));
}

TEST(Quoting, WordsComeBackAsTheyWere) {
  EXPECT_EQ(QuoteWord("plain"), "plain");
  EXPECT_EQ(QuoteWord(""), "\"\"");
  EXPECT_EQ(QuoteWord("a b\n\x01\""), "\"a b\\n\\x01\\\"\"");
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::string> words(1 + random.Below(3));
    std::string line;
    for (std::string& word : words) {
      for (uint64_t n = random.Below(6); n > 0; --n) word += static_cast<char>(random.Below(256));
      line += QuoteWord(word) + " ";
    }
    EXPECT_EQ(SplitWords(line), words) << line;
  }
}

TEST(Quoting, KnowsBothKindsOfQuotes) {
  EXPECT_EQ(SplitWords(" 'it\\'s \\n' \"\\x41\\q\\t\" x\"y\" "),
            (std::vector<std::string>{"it's \\n", "Aq\t", "xy"}));
  for (const char* line : {"\"a", "'a", "\"a\"b", "'a'b", "\"\\\""}) {
    EXPECT_EQ(SplitWords(line), std::nullopt) << line;
  }
}

}  // namespace
}  // namespace henge::persistence
