// SPDX-License-Identifier: Apache-2.0
// What a transcript may expect.
#include <absl/strings/str_cat.h>

#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "cluster/consensus/testing/text.h"
#include "cluster/consensus/testing/transcript.h"

namespace henge::consensus::testing {

namespace {

std::string Differs(std::string_view what, std::string_view is, std::string_view wanted) {
  if (is == wanted) return "";
  return absl::StrCat(Absl(what), " is \"", Absl(is), "\" and not \"", Absl(wanted), "\"");
}

std::string Joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string out;
  for (const std::string& word : words)
    absl::StrAppend(&out, out.empty() ? "" : Absl(between), word);
  return out;
}

}  // namespace

std::string Transcript::AttributeOfPeer(const Raft& raft, const std::string& key) const {
  const size_t colon = key.find(':');
  const std::string name = key.substr(0, colon);
  const Progress* peer = raft.progress(ParseUint64(key.substr(colon + 1)).value_or(0));
  if (name == "known") return peer == nullptr ? "no" : "yes";
  if (peer == nullptr) return "unknown";
  if (name == "match") return absl::StrCat(peer->match());
  if (name == "next") return absl::StrCat(peer->next());
  if (name == "inflight") return absl::StrCat(peer->inflight());
  if (name == "mode") return std::string(Text(peer->mode()));
  return "no such thing";
}

std::string Transcript::Attribute(const TestNode& node, const std::string& key) const {
  if (key == "up") return node.up() ? "yes" : "no";
  if (!node.up()) return "down";
  if (key == "state") return Joined(node.applied());
  const Raft& raft = node.raft();
  if (key.find(':') != std::string::npos) return AttributeOfPeer(raft, key);
  const RaftLog& log = raft.log();
  if (key == "role") return std::string(Text(raft.role()));
  if (key == "term") return absl::StrCat(raft.term());
  if (key == "vote") return absl::StrCat(raft.vote());
  if (key == "leader") return absl::StrCat(raft.leader());
  if (key == "commit") return absl::StrCat(log.commit());
  if (key == "applied") return absl::StrCat(log.applied());
  if (key == "last") return absl::StrCat(log.last(), ".", log.last_term());
  if (key == "start") return absl::StrCat(log.start());
  if (key == "log") return Text(log.Slice(log.start() + 1, log.last(), UINT64_MAX));
  if (key == "members") return Text(raft.membership());
  if (key == "fault") return std::string(raft.fault());
  if (key == "transferee") return absl::StrCat(raft.transferee());
  return "no such thing";
}

std::string Transcript::Expect() {
  const TestNode* node = Node();
  if (node == nullptr) return "no such node";
  for (size_t i = 2; i < words_.size(); ++i) {
    const size_t equals = words_[i].find('=');
    const std::string key = words_[i].substr(0, equals);
    std::string failure = Differs(key, Attribute(*node, key), words_[i].substr(equals + 1));
    if (!failure.empty()) return failure;
  }
  return "";
}

std::string Transcript::Reads() {
  std::vector<std::string> reads;
  for (const ReadState& read : Node()->TakeReads()) {
    reads.push_back(read.refusal == Refusal::kNone
                        ? absl::StrCat(read.context, "@", read.index)
                        : absl::StrCat(read.context, "!", Absl(Text(read.refusal))));
  }
  return Differs("reads", Joined(reads), Word(2));
}

std::string Transcript::Refusals() {
  std::vector<std::string> all;
  for (const RefusedRequest& refused : Node()->TakeRefused()) {
    all.push_back(absl::StrCat(refused.request.session, "/", refused.request.sequence, "!",
                               Absl(Text(refused.refusal))));
  }
  return Differs("refusals", Joined(all), Word(2));
}

std::string Transcript::Queue() {
  std::vector<std::string> all;
  for (const Message& message : links_[*LinkAt(1)]) all.push_back(Text(message));
  return Differs("the queue", Joined(all, "; "), Word(2));
}

std::string Transcript::Sent() {
  return Differs("the number of messages", absl::StrCat(links_[*LinkAt(1)].size()), Word(2));
}

}  // namespace henge::consensus::testing
