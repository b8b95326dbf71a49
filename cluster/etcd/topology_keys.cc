// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/topology_keys.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace henge::cluster {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadAgain{100};
constexpr milliseconds kReview{1000};

const etcdserverpb::KeyValue* Find(const etcdserverpb::RangeResponse& reply,
                                   const std::string& key) {
  for (const etcdserverpb::KeyValue& kv : reply.kvs()) {
    if (kv.key() == key) return &kv;
  }
  return nullptr;
}

int64_t RevisionOf(const etcdserverpb::KeyValue* kv) {
  return kv == nullptr ? 0 : kv->mod_revision();
}

}  // namespace

TopologyKeys::TopologyKeys(std::string_view prefix, std::string cluster, milliseconds patience,
                           EtcdClient& client, EtcdClient::Post post, Listener listener)
    : topology_key_(absl::StrCat(Absl(prefix), "/topology")),
      leader_key_(absl::StrCat(Absl(prefix), "/leader")),
      patience_(patience),
      client_(client),
      post_(std::move(post)),
      listener_(std::move(listener)),
      cluster_(std::move(cluster)) {}

std::string TopologyKeys::trouble() const {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void TopologyKeys::Trouble(std::string why) {
  const std::lock_guard lock(mutex_);
  if (why == trouble_) return;
  if (!why.empty()) {
    LogError("The topology in etcd can't be followed; the last one that was known stays",
             {{"key", topology_key_}, {"reason", why}});
  } else {
    LogNotice("The topology in etcd can be followed again", {{"key", topology_key_}});
  }
  trouble_ = std::move(why);
}

// From the leader's key to the topology's, both included: no other key of ours is between them.
etcdserverpb::RangeRequest TopologyKeys::Span() const {
  etcdserverpb::RangeRequest request;
  request.set_key(leader_key_);
  request.set_range_end(topology_key_ + std::string(1, '\0'));
  return request;
}

// --- Reading and watching ------------------------------------------------------------------------

void TopologyKeys::OnRound() {
  const Clock::time_point now = Clock::now();
  if (watch_ != nullptr && watch_->line() != client_.line()) {
    watch_.reset();
    stale_ = true;
  }
  if (stale_ && !reading_ && now >= next_read_) {
    next_read_ = now + kReadAgain;
    Read([](const absl::Status&) {});
  }
  if (stale_ || reviewing_ || now < next_review_) return;
  next_review_ = now + kReview;
  reviewing_ = true;
  Confirm(patience_, [this](const absl::Status&) { reviewing_ = false; });
}

void TopologyKeys::Read(Confirmed done) {
  reading_ = true;
  client_.Range(Span(), patience_,
                [this, seen = seen_, done = std::move(done)](
                    const absl::Status& status, const etcdserverpb::RangeResponse& reply) {
                  reading_ = false;
                  if (!status.ok()) return done(status);
                  const int64_t revision = reply.header().revision();
                  if (!CheckRevision(revision, seen))
                    return done(absl::UnavailableError(trouble()));
                  stale_ = false;
                  has_read_ = true;
                  if (watch_ == nullptr) BeginWatch(revision + 1);
                  Take(reply, revision);
                  const std::string why = trouble();
                  done(why.empty() ? absl::OkStatus() : absl::UnavailableError(why));
                });
}

// What is asked for after a revision was seen is answered at that revision or a later one.
bool TopologyKeys::CheckRevision(int64_t revision, int64_t known_before) {
  seen_ = std::max(seen_, revision);
  went_back_ = went_back_ || revision < known_before;
  if (went_back_)
    Trouble("etcd has gone back to an older state, as from a backup: restart this node");
  return !went_back_;
}

void TopologyKeys::BeginWatch(int64_t revision) {
  etcdserverpb::WatchCreateRequest request;
  request.set_key(leader_key_);
  request.set_range_end(Span().range_end());
  request.set_start_revision(revision);
  const uint64_t number = ++watches_;
  watch_ = std::make_unique<KeyWatch>(
      client_, request,
      [this](etcdserverpb::WatchResponse response) {
        auto held = std::make_shared<etcdserverpb::WatchResponse>(std::move(response));
        post_([this, held] { OnWatched(*held); });
      },
      [this, number, line = client_.line()](const grpc::Status& status) {
        post_([this, number, line, status] {
          if (number != watches_) return;
          LogVerbose("The watch of the topology in etcd has ended",
                     {{"endpoint", line->endpoint}, {"error", status.error_message()}});
          client_.Report(line, status);
          watch_.reset();
          stale_ = true;
          OnRound();
        });
      });
}

void TopologyKeys::OnWatched(const etcdserverpb::WatchResponse& response) {
  if (response.canceled()) return;  // Its end follows.
  for (const etcdserverpb::Event& event : response.events()) {
    const etcdserverpb::KeyValue& kv = event.kv();
    seen_ = std::max(seen_, kv.mod_revision());
    const bool put = event.type() == etcdserverpb::Event::PUT;
    if (kv.key() == leader_key_) {
      TakeLeader(put ? &kv : nullptr, kv.mod_revision());
    } else if (kv.key() == topology_key_) {
      put ? TakeTopology(kv) : TakeNoTopology(kv.mod_revision());
    }
  }
}

bool TopologyKeys::KnowsAll(const etcdserverpb::RangeResponse& reply) const {
  const int64_t leader = RevisionOf(Find(reply, leader_key_));
  const bool knows_leader = leader == leader_.revision || reply.header().revision() < leader_at_;
  const int64_t topology = RevisionOf(Find(reply, topology_key_));
  return knows_leader && topology != 0 && topology <= revision_;
}

void TopologyKeys::Confirm(milliseconds deadline, Confirmed confirmed) {
  etcdserverpb::RangeRequest request = Span();
  request.set_keys_only(true);
  client_.Range(std::move(request), deadline,
                [this, seen = seen_, confirmed = std::move(confirmed)](
                    const absl::Status& status, const etcdserverpb::RangeResponse& reply) {
                  if (!status.ok()) return confirmed(status);
                  if (!CheckRevision(reply.header().revision(), seen))
                    return confirmed(absl::UnavailableError(trouble()));
                  const std::string why = trouble();
                  if (KnowsAll(reply) && why.empty()) return confirmed(absl::OkStatus());
                  Read(confirmed);
                });
}

// --- What there is -------------------------------------------------------------------------------

void TopologyKeys::Take(const etcdserverpb::RangeResponse& reply, int64_t revision) {
  TakeLeader(Find(reply, leader_key_), revision);
  const etcdserverpb::KeyValue* topology = Find(reply, topology_key_);
  topology == nullptr ? TakeNoTopology(revision) : TakeTopology(*topology);
}

void TopologyKeys::MeetTopology(const etcdserverpb::TxnResponse& refused) {
  const int64_t revision = refused.header().revision();
  seen_ = std::max(seen_, revision);
  if (refused.responses_size() != 1) return ReadSoon();
  const auto* met = Find(refused.responses(0).response_range(), topology_key_);
  met == nullptr ? TakeNoTopology(revision) : TakeTopology(*met);
}

void TopologyKeys::MeetLeader(const etcdserverpb::TxnResponse& refused) {
  const int64_t revision = refused.header().revision();
  seen_ = std::max(seen_, revision);
  if (refused.responses_size() != 1) return ReadSoon();
  TakeLeader(Find(refused.responses(0).response_range(), leader_key_), revision);
}

void TopologyKeys::TakeTopology(const etcdserverpb::KeyValue& kv) {
  if (kv.mod_revision() <= looked_at_) return;
  looked_at_ = kv.mod_revision();
  vacant_ = false;
  absl::StatusOr<TopologyRecord> record = DecodeRecord(kv.value());
  if (!record.ok()) return Trouble(std::string(record.status().message()));
  if (!cluster_.empty() && record->cluster != cluster_)
    return Trouble("it is another cluster's than the one that this node is of");
  if (record_ && record->topology->version() < record_->topology->version())
    return Trouble("it is older than the one that was known");
  Adopt(*std::move(record), kv.mod_revision());
}

void TopologyKeys::Adopt(TopologyRecord record, int64_t revision) {
  if (revision <= revision_) return;
  seen_ = std::max(seen_, revision);
  if (revision >= looked_at_ && !went_back_) Trouble("");
  looked_at_ = std::max(looked_at_, revision);
  revision_ = revision;
  cluster_ = record.cluster;
  record_ = std::move(record);
  vacant_ = false;
  listener_.record();
}

void TopologyKeys::TakeNoTopology(int64_t revision) {
  if (revision <= looked_at_) return;
  if (!cluster_.empty()) {
    looked_at_ = revision;
    return Trouble("it is gone: restore it, or remove this node's folder to begin anew");
  }
  vacant_ = true;
  listener_.record();
}

void TopologyKeys::TakeLeader(const etcdserverpb::KeyValue* kv, int64_t revision) {
  if (kv == nullptr) return AdoptLeader({}, revision);
  AdoptLeader({.revision = kv->mod_revision(),
               .holder = NodeId::Parse(kv->value()).value_or(NodeId()),
               .lease = kv->lease()},
              revision);
}

void TopologyKeys::AdoptLeader(const LeaderKey& leader, int64_t revision) {
  if (revision < leader_at_) return;
  leader_at_ = revision;
  seen_ = std::max(seen_, revision);
  if (leader.revision == leader_.revision) return;
  leader_ = leader;
  listener_.leader();
}

}  // namespace henge::cluster
