// SPDX-License-Identifier: Apache-2.0
// Every transcript in testdata/, a schedule for each rule of Raft.
#include <gtest/gtest.h>

#include "cluster/consensus/testing/transcript_files.h"

namespace henge::consensus::testing {
namespace {

TEST(Transcripts, EachGoesAsTold) {
  const auto files = TranscriptFiles();
  ASSERT_GT(files.size(), 5u);
  size_t cases = 0;
  for (const auto& [name, text] : files) {
    const TranscriptResult result = RunTranscript(text);
    EXPECT_EQ(result.failure, "") << name;
    cases += result.cases.size();
  }
  EXPECT_GT(cases, 40u);
}

TEST(Transcripts, TellWhatIsNotAsExpected) {
  const std::string begin = "case a\nnodes 1\ntimeout 1\n";
  EXPECT_EQ(RunTranscript(begin + "expect 1 role=leader term=1").failure, "");
  EXPECT_EQ(RunTranscript(begin + "expect 1 term=2").failure,
            "4: term is \"1\" and not \"2\"  (expect 1 term=2)");
  EXPECT_EQ(RunTranscript(begin + "jump 1").failure, "4: no such step  (jump 1)");
}

}  // namespace
}  // namespace henge::consensus::testing
