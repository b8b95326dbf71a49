// SPDX-License-Identifier: Apache-2.0
// What a transcript does to messages.
#include <absl/strings/str_split.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "cluster/consensus/testing/text.h"
#include "cluster/consensus/testing/transcript.h"

namespace henge::consensus::testing {

std::string Transcript::Deliver() {
  if (const std::optional<Link> link = LinkAt(1)) {
    for (uint64_t i = Number(2, UINT64_MAX); i > 0 && DeliverOne(*link); --i) {
    }
    return "";
  }
  for (int i = 0; i < 10'000; ++i) {
    bool quiet = true;
    for (const auto& [link, queue] : std::map(links_)) quiet = !DeliverOne(link) && quiet;
    if (quiet) return "";
  }
  return "it never gets quiet";
}

std::string Transcript::Drop() {
  if (Word(1) == "all") {
    links_.clear();
    return "";
  }
  const std::optional<Link> link = LinkAt(1);
  if (!link) return "no link";
  std::vector<Message>& queue = links_[*link];
  const auto count = std::min<uint64_t>(queue.size(), Number(2, UINT64_MAX));
  queue.erase(queue.begin(), queue.begin() + static_cast<ptrdiff_t>(count));
  return "";
}

std::string Transcript::Double() {
  std::vector<Message>& queue = links_[*LinkAt(1)];
  if (queue.empty()) return "nothing there";
  queue.push_back(queue.front());
  return "";
}

std::string Transcript::Delay() {
  std::vector<Message>& queue = links_[*LinkAt(1)];
  if (queue.empty()) return "nothing there";
  std::rotate(queue.begin(), queue.begin() + 1, queue.end());
  return "";
}

std::string Transcript::Cut() {
  if (const std::optional<Link> link = LinkAt(1)) {
    cut_[*link] = true;
    return "";
  }
  std::vector<PeerId> apart;
  for (const auto word : absl::StrSplit(Word(1), ' '))
    apart.push_back(ParseUint64(Std(word)).value_or(0));
  for (const auto& [a, node] : nodes_) {
    for (const auto& [b, other] : nodes_) {
      const bool here = std::ranges::find(apart, a) != apart.end();
      const bool there = std::ranges::find(apart, b) != apart.end();
      if (here == there) continue;
      cut_[{a, b}] = true;
      links_[{a, b}].clear();
    }
  }
  return "";
}

std::string Transcript::Heal() {
  cut_.clear();
  return "";
}

std::string Transcript::Inject() {
  const std::optional<MessageKind> kind = ParseMessageKind(Word(1));
  const std::optional<Link> link = LinkAt(2);
  if (!kind || !link) return "no such message";
  Message message{.kind = *kind,
                  .from = link->first,
                  .to = link->second,
                  .term = NumberOf("t"),
                  .index = NumberOf("index"),
                  .log_term = NumberOf("term"),
                  .hint = NumberOf("hint"),
                  .commit = NumberOf("commit"),
                  .refused = Flag("refused"),
                  .forced = Flag("forced"),
                  .context = NumberOf("context")};
  const std::string log = Value("log").value_or("");
  for (const auto word : absl::StrSplit(log, ' ', absl::SkipEmpty())) {
    const std::optional<Entry> entry = ParseEntry(Std(word));
    if (!entry) return "not an entry";
    message.entries.push_back(*entry);
  }
  if (*kind == MessageKind::kSnapshot) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->index = message.index;
    snapshot->term = message.log_term;
    snapshot->members = nodes_.begin()->second.raft().membership();
    message.snapshot = std::move(snapshot);
  }
  const auto to = nodes_.find(link->second);
  if (to == nodes_.end() || !to->second.up()) return "nobody there";
  to->second.raft().Step(message);
  return "";
}

}  // namespace henge::consensus::testing
