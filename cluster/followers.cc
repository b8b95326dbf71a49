// SPDX-License-Identifier: Apache-2.0
#include "cluster/followers.h"

#include <algorithm>
#include <utility>

#include "base/glob.h"
#include "base/log.h"

namespace henge::cluster {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

size_t Index(TopicKind kind) { return static_cast<size_t>(kind); }

}  // namespace

// --- Publishing ---------------------------------------------------------------------------------

void Followers::AddInterested(const Interested& some, Interested& all) const {
  for (const FollowerRef& follower : some) {
    if (std::find(all.begin(), all.end(), follower) == all.end()) all.push_back(follower);
  }
}

void Followers::Publish(std::string_view channel, std::string_view payload) {
  if (interests_.load(kRelaxed) == 0) return;
  if (changing_.load(kRelaxed) != 0) const std::lock_guard after_it(turn_);
  Interested interested;
  {
    const std::shared_lock lock(interests_mutex_);
    const auto& channels = wanted_[Index(TopicKind::kChannel)];
    if (const auto at = channels.find(channel); at != channels.end()) interested = at->second;
    for (const auto& [pattern, followers] : wanted_[Index(TopicKind::kPattern)]) {
      if (GlobMatch(pattern, channel)) AddInterested(followers, interested);
    }
  }
  if (interested.empty()) return;
  const auto message = std::make_shared<const RelayedMessage>(
      RelayedMessage{std::string(channel), std::string(payload)});
  for (const FollowerRef& follower : interested) {
    if (Enqueue(*follower, message)) wake_(follower->stream);
  }
}

bool Followers::Enqueue(Follower& follower, const RelayedMessageRef& message) {
  const size_t limit = limit_.load(kRelaxed);
  bool became_full = false;
  {
    const std::lock_guard lock(follower.mutex);
    if (!follower.closed &&
        (follower.queue.empty() || follower.bytes + message->bytes() <= limit)) {
      follower.queue.push_back(message);
      follower.bytes += message->bytes();
      return std::exchange(follower.idle, false);
    }
    became_full = !follower.closed && !std::exchange(follower.full, true);
  }
  dropped_.fetch_add(1, kRelaxed);
  if (!became_full) return false;
  overflowed_.fetch_add(1, kRelaxed);
  LogWarning("A node reads messages too slowly: from here on some are dropped",
             {{"node", follower.peer.view()}, {"limit_bytes", limit}});
  return false;
}

// --- Streams ------------------------------------------------------------------------------------

std::optional<StreamId> Followers::Open(const NodeId& peer, uint64_t number) {
  const Changing changing(*this);
  FollowerRef older;
  for (const auto& [id, follower] : followers_) {
    if (follower->peer != peer) continue;
    if (follower->number >= number) return std::nullopt;
    older = follower;
  }
  if (older != nullptr) {
    CloseLocked(older);
    wake_(older->stream);
  }
  auto follower = std::make_shared<Follower>();
  follower->peer = peer;
  follower->stream = ++last_stream_;
  follower->number = number;
  followers_.emplace(follower->stream, follower);
  return follower->stream;
}

void Followers::Close(StreamId stream) {
  const Changing changing(*this);
  const auto at = followers_.find(stream);
  if (at != followers_.end()) CloseLocked(FollowerRef(at->second));
}

void Followers::CloseLocked(const FollowerRef& follower) {
  for (const TopicKind kind : {TopicKind::kChannel, TopicKind::kPattern}) {
    const StringSet names = std::exchange(follower->wants[Index(kind)], {});
    for (const std::string& name : names) Forget(follower, kind, name);
    interests_.fetch_sub(names.size(), kRelaxed);
  }
  followers_.erase(follower->stream);
  const std::lock_guard lock(follower->mutex);
  follower->closed = true;
  dropped_.fetch_add(follower->queue.size(), kRelaxed);
  follower->queue.clear();
  follower->bytes = 0;
}

Followers::FollowerRef Followers::Find(StreamId stream) const {
  const std::shared_lock lock(interests_mutex_);
  const auto at = followers_.find(stream);
  return at == followers_.end() ? nullptr : at->second;
}

// --- Interests ----------------------------------------------------------------------------------

void Followers::Want(const FollowerRef& follower, TopicKind kind, std::string_view name) {
  if (!follower->wants[Index(kind)].emplace(name).second) return;
  wanted_[Index(kind)][name].push_back(follower);
  interests_.fetch_add(1, kRelaxed);
}

void Followers::Forget(const FollowerRef& follower, TopicKind kind, std::string_view name) {
  const auto at = wanted_[Index(kind)].find(name);
  Interested& interested = at->second;
  interested.erase(std::find(interested.begin(), interested.end(), follower));
  if (interested.empty()) wanted_[Index(kind)].erase(at);
}

bool Followers::OnChanges(StreamId stream, const InterestChunk& chunk) {
  FollowerRef follower;
  {
    const Changing changing(*this);
    const auto at = followers_.find(stream);
    if (at == followers_.end()) return false;
    follower = at->second;
    for (const InterestChange& change : chunk.changes) {
      if (change.wanted) {
        Want(follower, change.kind, change.name);
      } else if (follower->wants[Index(change.kind)].erase(change.name) != 0) {
        Forget(follower, change.kind, change.name);
        interests_.fetch_sub(1, kRelaxed);
      }
    }
  }
  if (chunk.version == 0) return true;
  bool wake = false;
  {
    const std::lock_guard lock(follower->mutex);
    follower->unacknowledged = chunk.version;
    wake = std::exchange(follower->idle, false);
  }
  if (wake) wake_(stream);
  return true;
}

// --- Sending ------------------------------------------------------------------------------------

std::optional<RelayBatch> Followers::Take(StreamId stream, size_t max_bytes) {
  const FollowerRef follower = Find(stream);
  if (follower == nullptr) return std::nullopt;
  RelayBatch batch;
  const std::lock_guard lock(follower->mutex);
  if (follower->closed) return std::nullopt;
  size_t bytes = 0;
  while (!follower->queue.empty()) {
    const size_t next = follower->queue.front()->bytes();
    if (bytes != 0 && bytes + next > max_bytes) break;
    bytes += next;
    batch.messages.push_back(std::move(follower->queue.front()));
    follower->queue.pop_front();
  }
  follower->bytes -= bytes;
  if (follower->queue.empty()) follower->full = false;
  batch.acknowledged = std::exchange(follower->unacknowledged, 0);
  follower->idle = batch.empty();
  sent_.fetch_add(batch.messages.size(), kRelaxed);
  return batch;
}

FollowersStats Followers::stats() const {
  FollowersStats stats{.sent = sent_.load(kRelaxed),
                       .dropped = dropped_.load(kRelaxed),
                       .overflowed = overflowed_.load(kRelaxed)};
  const std::shared_lock lock(interests_mutex_);
  stats.followers = followers_.size();
  for (const auto& [id, follower] : followers_) {
    const std::lock_guard queue_lock(follower->mutex);
    stats.queued_bytes += follower->bytes;
  }
  return stats;
}

size_t Followers::QueuedBytes(const NodeId& peer) const {
  const std::shared_lock lock(interests_mutex_);
  for (const auto& [id, follower] : followers_) {
    if (follower->peer != peer) continue;
    const std::lock_guard queue_lock(follower->mutex);
    return follower->bytes;
  }
  return 0;
}

}  // namespace henge::cluster
