// SPDX-License-Identifier: Apache-2.0
// The transcripts of testdata/, by name. Any thread.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "cluster/consensus/testing/transcript.h"

namespace henge::consensus::testing {

inline std::map<std::string, std::string> TranscriptFiles() {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(HENGE_CONSENSUS_TESTDATA)) {
    std::ifstream in(entry.path());
    files[entry.path().stem()].assign(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

}  // namespace henge::consensus::testing
