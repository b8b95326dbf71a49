// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/transcript.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "cluster/consensus/testing/text.h"

namespace henge::consensus::testing {

namespace {

// Words, where "..." keeps spaces together (also behind key=), up to a # that begins a word.
std::vector<std::string> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  bool inside = false;
  bool open = false;  // A word has begun.
  for (const char c : line) {
    if (c == '#' && !open) break;
    if (c == '"') {
      inside = !inside;
      if (!open) words.emplace_back();
      open = true;
    } else if (c == ' ' && !inside) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back().push_back(c);
    }
  }
  return words;
}

std::string Differs(std::string_view what, std::string_view is, std::string_view wanted) {
  if (is == wanted) return "";
  return absl::StrCat(Absl(what), " is ", Absl(is), " and not ", Absl(wanted));
}

}  // namespace

TranscriptResult RunTranscript(std::string_view text) {
  TranscriptResult result;
  Transcript transcript;
  int number = 0;
  bool failed = false;
  for (const auto line : absl::StrSplit(Absl(text), '\n')) {
    ++number;
    const std::vector<std::string> words = SplitWords(Std(line));
    if (words.empty()) continue;
    if (failed && words[0] != "case") continue;
    if (words[0] == "case") {
      transcript = Transcript();
      failed = false;
      result.cases.push_back(std::string(line.substr(5)));
      continue;
    }
    const std::string failure = transcript.Run(words);
    failed = !failure.empty();
    if (!failed) continue;
    absl::StrAppend(&result.failure, result.failure.empty() ? "" : "\n", number, ": ", failure,
                    "  (", line, ")");
    if (!result.cases.empty()) result.failed.push_back(result.cases.back());
  }
  return result;
}

const std::map<std::string, Transcript::Step>& Transcript::Steps() {
  using T = Transcript;
  static const std::map<std::string, Step> steps = {
      {"options", &T::Options},   {"nodes", &T::Nodes},
      {"join", &T::Join},         {"disk", &T::PutDisk},
      {"tick", &T::Tick},         {"timeout", &T::Timeout},
      {"campaign", &T::Campaign}, {"propose", &T::Propose},
      {"session", &T::Session},   {"read", &T::Read},
      {"transfer", &T::Transfer}, {"change", &T::Change},
      {"compact", &T::Compact},   {"deliver", &T::Deliver},
      {"drop", &T::Drop},         {"double", &T::Double},
      {"delay", &T::Delay},       {"cut", &T::Cut},
      {"heal", &T::Heal},         {"hold", &T::Hold},
      {"sync", &T::Sync},         {"free", &T::Free},
      {"crash", &T::Crash},       {"start", &T::Start},
      {"inject", &T::Inject},     {"lost", &T::Lost},
      {"expect", &T::Expect},     {"snapshot-done", &T::SnapshotDone},
      {"reads", &T::Reads},       {"refusals", &T::Refusals},
      {"queue", &T::Queue},       {"sent", &T::Sent},
  };
  return steps;
}

std::string Transcript::Run(const std::vector<std::string>& words) {
  const auto step = Steps().find(words[0]);
  if (step == Steps().end()) return "no such step";
  words_ = words;
  std::string failure = (this->*step->second)();
  if (failure.empty()) Settle();
  return failure;
}

std::string Transcript::Word(size_t place) const {
  return place < words_.size() ? words_[place] : "";
}
uint64_t Transcript::Number(size_t place, uint64_t otherwise) const {
  return ParseUint64(Word(place)).value_or(otherwise);
}
std::optional<std::string> Transcript::Value(const std::string& key) const {
  for (const std::string& word : words_) {
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  }
  return std::nullopt;
}
uint64_t Transcript::NumberOf(const std::string& key, uint64_t otherwise) const {
  return ParseUint64(Value(key).value_or("")).value_or(otherwise);
}
bool Transcript::Flag(const std::string& key) const {
  return std::ranges::find(words_, key) != words_.end();
}
RequestId Transcript::Request() const {
  const std::string text = Value("as").value_or("");
  std::vector<uint64_t> numbers;
  for (const auto word : absl::StrSplit(text, '/'))
    numbers.push_back(ParseUint64(Std(word)).value_or(0));
  numbers.resize(3);
  return {numbers[0], numbers[1], numbers[2]};
}
std::optional<Transcript::Link> Transcript::LinkAt(size_t place) const {
  const std::string word = Word(place);
  const size_t arrow = word.find("->");
  if (arrow == std::string::npos) return std::nullopt;
  return Link{ParseUint64(word.substr(0, arrow)).value_or(0),
              ParseUint64(word.substr(arrow + 2)).value_or(0)};
}

TestNode* Transcript::Node() {
  const auto at = nodes_.find(Number(1));
  return at == nodes_.end() ? nullptr : &at->second;
}

// Disks do what they may until nothing is left to do.
void Transcript::Settle() {
  for (auto& [id, node] : nodes_) Flush(id);
}

void Transcript::Flush(PeerId id) {
  TestNode& node = nodes_.at(id);
  while (node.up() && (node.writing() || node.BeginWrite())) {
    if (held_[id]) return;
    for (Message& message : node.EndWrite()) {
      const Link link{id, message.to};
      if (!cut_[link]) links_[link].push_back(std::move(message));
    }
  }
}

bool Transcript::DeliverOne(const Link& link) {
  std::vector<Message>& queue = links_[link];
  if (queue.empty()) return false;
  const Message message = queue.front();
  queue.erase(queue.begin());
  const auto to = nodes_.find(link.second);
  if (cut_[link] || to == nodes_.end() || !to->second.up()) return true;
  to->second.raft().Step(message);
  Flush(link.second);
  return true;
}

std::string Transcript::CheckRefusal(Refusal refusal) {
  return Differs("the answer", Text(refusal), Value("refused").value_or("taken"));
}

std::string Transcript::Options() {
  options_.pre_vote = Flag("pre-vote");
  options_.check_quorum = Flag("check-quorum");
  options_.max_inflight = NumberOf("inflight", options_.max_inflight);
  options_.max_append_bytes = NumberOf("append-bytes", options_.max_append_bytes);
  options_.max_uncommitted_bytes = NumberOf("uncommitted-bytes", options_.max_uncommitted_bytes);
  options_.snapshot_ticks =
      static_cast<int>(NumberOf("snapshot-ticks", static_cast<uint64_t>(options_.snapshot_ticks)));
  return "";
}

std::string Transcript::Nodes() {
  const std::optional<Membership> members = ParseMembership(Word(1));
  if (!members) return "not a membership";
  auto first = std::make_shared<Snapshot>();
  first->members = *members;
  for (const Member& member : members->members()) {
    Disk disk;
    disk.snapshot = first;
    options_.id = options_.seed = member.id;
    nodes_.insert_or_assign(member.id, TestNode(options_, std::move(disk)));
  }
  return "";
}

std::string Transcript::Join() {
  options_.id = options_.seed = Number(1);
  nodes_.insert_or_assign(options_.id, TestNode(options_, Disk()));
  return "";
}

std::string Transcript::PutDisk() {
  TestNode* node = Node();
  if (node == nullptr) return "no such node";
  Disk& disk = node->disk();
  disk.hard = {NumberOf("term"), NumberOf("vote"), NumberOf("commit")};
  disk.entries.clear();
  const std::string log = Value("log").value_or("");
  for (const auto word : absl::StrSplit(log, ' ', absl::SkipEmpty())) {
    const std::optional<Entry> entry = ParseEntry(Std(word));
    if (!entry) return "not an entry";
    disk.entries.push_back(*entry);
  }
  node->Start();
  return "";
}

std::string Transcript::Tick() {
  for (uint64_t i = Number(2, 1); i > 0; --i) {
    Node()->raft().Tick();
    Flush(Number(1));
  }
  return "";
}

std::string Transcript::Timeout() {
  for (int i = Node()->raft().ticks_to_campaign(); i > 0; --i) Node()->raft().Tick();
  return "";
}

std::string Transcript::Campaign() {
  Node()->raft().Campaign();
  return "";
}

std::string Transcript::Propose() {
  return CheckRefusal(Node()->raft().Propose(Request(), Word(2)));
}
std::string Transcript::Session() { return CheckRefusal(Node()->raft().OpenSession(Word(2))); }
std::string Transcript::Read() { return CheckRefusal(Node()->raft().Read(Number(2))); }
std::string Transcript::Transfer() { return CheckRefusal(Node()->raft().Transfer(Number(2))); }

std::string Transcript::Change() {
  using Kind = MembershipChange::Kind;
  static const std::map<std::string, Kind> kinds = {{"add", Kind::kAddLearner},
                                                    {"promote", Kind::kPromote},
                                                    {"remove", Kind::kRemove},
                                                    {"demote", Kind::kDemote}};
  const auto kind = kinds.find(Word(2));
  if (kind == kinds.end()) return "no such change";
  return CheckRefusal(
      Node()->raft().ChangeMembership(Request(), {kind->second, Number(3), "there"}));
}

std::string Transcript::Compact() {
  Node()->Compact(Number(2));
  return "";
}

std::string Transcript::Hold() {
  held_[Number(1)] = true;
  return "";
}

std::string Transcript::Free() {
  held_[Number(1)] = false;
  return "";
}

std::string Transcript::Sync() {
  const PeerId id = Number(1);
  for (uint64_t i = Number(2, 1); i > 0 && Node()->writing(); --i) {
    for (Message& message : Node()->EndWrite()) {
      const Link link{id, message.to};
      if (!cut_[link]) links_[link].push_back(std::move(message));
    }
    Node()->BeginWrite();
  }
  return "";
}

std::string Transcript::Crash() {
  Node()->Crash();
  return "";
}

std::string Transcript::Start() {
  Node()->Start();
  return "";
}

std::string Transcript::Lost() {
  Node()->raft().ReportLost(Number(2));
  return "";
}

std::string Transcript::SnapshotDone() {
  Node()->raft().ReportSnapshot(Number(2));
  return "";
}

}  // namespace henge::consensus::testing
