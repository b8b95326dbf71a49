// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/candidacy.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"

namespace henge::cluster {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kJitterMillis = 100;  // Not all who may lead stand at once.
constexpr milliseconds kResignPatience{300};

}  // namespace

bool Candidacy::Holds(const NodeId& self) const {
  const LeaderKey& key = keys_.leader();
  return lease_ != 0 && key.lease == lease_ && key.holder == self && Clock::now() < until_;
}

void Candidacy::OnRound(const NodeId& self, bool eligible) {
  const Clock::time_point now = Clock::now();
  if (lease_ != 0 && now >= until_) lease_ = 0;
  const LeaderKey& key = keys_.leader();
  const bool held = lease_ != 0 && key.lease == lease_;
  if (held && (!eligible || key.holder != self)) return Resign();
  if (held) return KeepAlive();
  // A key of this node's with another lease is a former life's.
  const bool open = keys_.has_read() && (key.revision == 0 || key.holder == self);
  if (!open || !eligible || standing_) {
    stand_ = now + milliseconds(ThreadRandom().Below(kJitterMillis));
    return;
  }
  if (now >= stand_) Stand(self);
}

void Candidacy::Stand(const NodeId& self) {
  standing_ = true;
  if (lease_ != 0) return Put(self);
  const Clock::time_point asked = Clock::now();
  client_.Grant(wanted_.count(), Patience(),
                [this, self, asked](const absl::Status& status,
                                    const etcdserverpb::LeaseGrantResponse& reply) {
                  standing_ = false;
                  if (!status.ok() || reply.id() == 0 || reply.ttl() <= 0) return;
                  length_ = std::chrono::seconds(reply.ttl());
                  lease_ = reply.id();
                  until_ = asked + length_;
                  renew_ = asked + length_ / 3;
                  standing_ = true;
                  Put(self);
                });
}

void Candidacy::Put(const NodeId& self) {
  etcdserverpb::TxnRequest txn;
  etcdserverpb::Compare& compare = *txn.add_compare();
  compare.set_target(etcdserverpb::Compare::MOD);
  compare.set_key(keys_.leader_key());
  compare.set_mod_revision(keys_.leader().revision);
  etcdserverpb::PutRequest& put = *txn.add_success()->mutable_request_put();
  put.set_key(keys_.leader_key());
  put.set_value(self.str());
  put.set_lease(lease_);
  txn.add_failure()->mutable_request_range()->set_key(keys_.leader_key());
  client_.Txn(std::move(txn), Patience(),
              [this, self, lease = lease_](const absl::Status& status,
                                           const etcdserverpb::TxnResponse& reply) {
                standing_ = false;
                if (!status.ok()) return keys_.ReadSoon();  // It may have been put.
                if (!reply.succeeded()) return keys_.MeetLeader(reply);
                const int64_t revision = reply.header().revision();
                LogVerbose("This node leads the coordinator", {{"revision", revision}});
                keys_.AdoptLeader({.revision = revision, .holder = self, .lease = lease}, revision);
              });
}

void Candidacy::KeepAlive() {
  const Clock::time_point now = Clock::now();
  if (renewing_ || now < renew_) return;
  renewing_ = true;
  renew_ = now + length_ / 3;
  client_.KeepAlive(lease_, Patience(),
                    [this, now, lease = lease_](const absl::Status& status,
                                                const etcdserverpb::LeaseKeepAliveResponse& reply) {
                      renewing_ = false;
                      if (lease != lease_) return;
                      if (!status.ok()) {
                        renew_ = std::min(renew_, Clock::now() + length_ / 10);
                        return;
                      }
                      if (reply.ttl() <= 0) {  // It has ended, and the key with it.
                        lease_ = 0;
                        return keys_.ReadSoon();
                      }
                      until_ = now + std::chrono::seconds(reply.ttl());
                    });
}

void Candidacy::Resign() {
  if (lease_ != 0) client_.Revoke(lease_, kResignPatience);
  lease_ = 0;
}

}  // namespace henge::cluster
