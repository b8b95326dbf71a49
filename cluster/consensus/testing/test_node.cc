// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/test_node.h"

#include <algorithm>
#include <utility>

#include "cluster/consensus/byte_codec.h"

namespace henge::consensus::testing {

void Disk::Write(const Ready& ready) {
  if (ready.snapshot != nullptr) {
    snapshot = ready.snapshot;
    entries.clear();
  }
  if (ready.hard_state) hard = *ready.hard_state;
  if (ready.entries.empty()) return;
  const Index first = ready.entries.front().index;
  std::erase_if(entries, [&](const Entry& entry) { return entry.index >= first; });
  entries.insert(entries.end(), ready.entries.begin(), ready.entries.end());
}

TestNode::TestNode(const RaftOptions& options, Disk disk)
    : options_(options), disk_(std::move(disk)) {
  Start();
}

void TestNode::Start() {
  writing_.reset();
  applied_.clear();
  sessions_.clear();
  Install(*disk_.snapshot);
  raft_.emplace(options_, disk_.Read());
}

bool TestNode::BeginWrite() {
  if (!up() || writing_ || !raft_->HasReady()) return false;
  writing_ = raft_->TakeReady();
  if (!writing_->entries.empty())
    term_before_write_ = raft_->log().TermAt(writing_->entries[0].index - 1).value_or(0);
  return true;
}

std::vector<Message> TestNode::EndWrite() {
  Ready ready = *std::exchange(writing_, std::nullopt);
  disk_.Write(ready);
  if (ready.snapshot != nullptr) Install(*ready.snapshot);
  for (const Committed& committed : ready.committed) Apply(committed);
  reads_.insert(reads_.end(), ready.reads.begin(), ready.reads.end());
  refused_.insert(refused_.end(), ready.refused.begin(), ready.refused.end());
  raft_->Advance();
  return std::move(ready.messages);
}

void TestNode::Crash() {
  writing_.reset();
  raft_.reset();
  reads_.clear();
  refused_.clear();
}

void TestNode::Apply(const Committed& committed) {
  if (committed.entry.kind == EntryKind::kSession)
    sessions_[committed.entry.data] = committed.entry.index;
  if (committed.entry.kind == EntryKind::kCommand && committed.fate == Fate::kApply)
    applied_.push_back(committed.entry.data);
}

void TestNode::Install(const Snapshot& snapshot) {
  applied_.clear();
  sessions_.clear();
  if (snapshot.state.empty()) return;
  ByteReader in(snapshot.state);
  for (uint64_t left = in.Number(); left > 0 && in.ok(); --left) applied_.push_back(in.Text());
  for (uint64_t left = in.Number(); left > 0 && in.ok(); --left) {
    std::string nonce = in.Text();
    sessions_[std::move(nonce)] = in.Number();
  }
}

void TestNode::Compact(uint64_t keep) {
  ByteWriter state;
  state.Number(applied_.size());
  for (const std::string& command : applied_) state.Text(command);
  state.Number(sessions_.size());
  for (const auto& [nonce, session] : sessions_) {
    state.Text(nonce);
    state.Number(session);
  }
  disk_.snapshot = raft_->Compact(std::move(state).Take(), keep);
  std::erase_if(disk_.entries,
                [&](const Entry& entry) { return entry.index <= disk_.snapshot->index; });
}

std::optional<uint64_t> TestNode::SessionOf(const std::string& nonce) const {
  const auto at = sessions_.find(nonce);
  if (at == sessions_.end()) return std::nullopt;
  return at->second;
}

}  // namespace henge::consensus::testing
