// SPDX-License-Identifier: Apache-2.0
#include "cluster/interest_feed.h"

#include <algorithm>
#include <utility>

namespace henge::cluster {
namespace {

constexpr std::string_view kEverything = "*";

size_t Index(TopicKind kind) { return static_cast<size_t>(kind); }

}  // namespace

void InterestFeed::Change(TopicKind kind, std::string_view name, bool wanted) {
  if (name.size() > kMaxName) {
    kind = TopicKind::kPattern;
    name = kEverything;
  }
  const std::lock_guard lock(mutex_);
  StringMap<size_t>& topics = wanted_[Index(kind)];
  const auto at = topics.find(name);
  if (wanted && at != topics.end()) {
    ++at->second;
  } else if (wanted) {
    topics.emplace(name, 1);
    Tell(kind, name, true);
  } else if (at != topics.end() && --at->second == 0) {
    topics.erase(at);
    Tell(kind, name, false);
  }
}

void InterestFeed::Tell(TopicKind kind, std::string_view name, bool wanted) {
  ++version_;
  for (auto& [id, stream] : streams_) {
    StringMap<bool>& due = stream.due[Index(kind)];
    // What is due and is undone was never told.
    if (const auto at = due.find(name); at != due.end()) {
      due.erase(at);
    } else {
      due.emplace(name, wanted);
    }
    if (std::exchange(stream.idle, false)) wake_(id);
  }
}

StreamId InterestFeed::Open() {
  const std::lock_guard lock(mutex_);
  Stream& stream = streams_[++last_stream_];
  for (size_t kind = 0; kind < kTopicKinds; ++kind) {
    for (const auto& [name, topics] : wanted_[kind]) stream.due[kind].emplace(name, true);
  }
  return last_stream_;
}

void InterestFeed::Close(StreamId stream) {
  std::vector<Waiting> heard;
  {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream);
    TakeHeard(heard);
  }
  for (const Waiting& waiting : heard) waiting.heard();
}

InterestChunk InterestFeed::Take(StreamId id, size_t max_bytes) {
  InterestChunk chunk;
  const std::lock_guard lock(mutex_);
  const auto at = streams_.find(id);
  if (at == streams_.end()) return chunk;
  Stream& stream = at->second;
  size_t bytes = 0;
  for (const TopicKind kind : {TopicKind::kChannel, TopicKind::kPattern}) {
    StringMap<bool>& due = stream.due[Index(kind)];
    for (auto next = due.begin(); next != due.end() && bytes < max_bytes;) {
      auto taken = due.extract(next++);
      bytes += taken.key().size() + sizeof(InterestChange);
      chunk.changes.push_back({kind, taken.mapped(), std::move(taken.key())});
    }
  }
  if (stream.due[0].empty() && stream.due[1].empty() && stream.told != version_) {
    chunk.version = stream.told = version_;
  }
  stream.idle = chunk.empty();
  return chunk;
}

// --- Who has heard ------------------------------------------------------------------------------

void InterestFeed::OnAcknowledged(StreamId id, uint64_t version) {
  std::vector<Waiting> heard;
  {
    const std::lock_guard lock(mutex_);
    const auto at = streams_.find(id);
    if (at == streams_.end()) return;
    Stream& stream = at->second;
    stream.acknowledged = std::max(stream.acknowledged, version);
    if (version == stream.told) stream.late = false;
    TakeHeard(heard);
  }
  for (const Waiting& waiting : heard) waiting.heard();
}

void InterestFeed::TakeHeard(std::vector<Waiting>& heard) {
  if (waiting_.empty()) return;
  uint64_t by_all = version_;
  for (const auto& [id, stream] : streams_) {
    if (!stream.late) by_all = std::min(by_all, stream.acknowledged);
  }
  while (!waiting_.empty() && waiting_.front().version <= by_all) {
    heard.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

bool InterestFeed::Await(std::function<void()> heard) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, stream] : streams_) {
    if (stream.late || stream.acknowledged == version_) continue;
    waiting_.push_back({version_, std::move(heard)});
    return true;
  }
  return false;
}

void InterestFeed::GiveUp(uint64_t version) {
  std::vector<Waiting> heard;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, stream] : streams_) stream.late |= stream.acknowledged < version;
    TakeHeard(heard);
  }
  for (const Waiting& waiting : heard) waiting.heard();
}

uint64_t InterestFeed::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

bool InterestFeed::Acknowledged(uint64_t version) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, stream] : streams_) {
    if (stream.acknowledged < version) return false;
  }
  return true;
}

}  // namespace henge::cluster
