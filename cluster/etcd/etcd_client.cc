// SPDX-License-Identifier: Apache-2.0
#include "cluster/etcd/etcd_client.h"

#include <algorithm>

#include "base/log.h"

namespace henge::cluster {
namespace {

using std::chrono::milliseconds;

constexpr int kReconnectMillis = 100;
constexpr int kMaxReconnectMillis = 1000;
constexpr int kKeepaliveMillis = 10'000;  // etcd takes more than one in five seconds for an attack.
constexpr int kMaxMessageBytes = 16 << 20;  // Several changes of the topology at once.

constexpr milliseconds kLoginAgain{1000};
constexpr std::chrono::seconds kTellAgain{60};
constexpr milliseconds kLoginPatience{3000};  // A password's hash takes its time.

std::shared_ptr<grpc::Channel> Connect(
    const std::string& endpoint, const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMillis);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMillis);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMillis);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMillis / 2);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, kMaxMessageBytes);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Else another line to the same member would share the connection that this one is to replace.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(endpoint, credentials, args);
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

// Whether another member might answer what this one did not.
bool IsOfTheLine(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
}

// Whether who called is not, or not any more, the one that etcd knows: the token is too old or was
// forgotten, as by a restart; users or their roles have changed since; or etcd began to ask.
bool AsksForLogin(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) return true;
  if (status.error_code() != grpc::StatusCode::INVALID_ARGUMENT) return false;
  const std::string& said = status.error_message();
  return said.find("user name is empty") != said.npos ||
         said.find("revision of auth store is old") != said.npos;
}

}  // namespace

EtcdLine::EtcdLine(const std::string& target,
                   const std::shared_ptr<grpc::ChannelCredentials>& credentials)
    : endpoint(target),
      channel(Connect(target, credentials)),
      kv(etcdserverpb::KV::NewStub(channel)),
      lease(etcdserverpb::Lease::NewStub(channel)),
      watch(etcdserverpb::Watch::NewStub(channel)),
      auth(etcdserverpb::Auth::NewStub(channel)) {
  channel->GetState(true);  // Begins to connect.
}

EtcdClient::EtcdClient(std::vector<std::string> endpoints,
                       std::shared_ptr<grpc::ChannelCredentials> credentials, EtcdUser user,
                       milliseconds patience, Post post)
    : endpoints_(std::move(endpoints)),
      credentials_(std::move(credentials)),
      user_(std::move(user)),
      patience_(patience),
      post_(std::move(post)),
      line_(std::make_shared<EtcdLine>(endpoints_.front(), credentials_)),
      login_(user_.name.empty() ? Login::kDone : Login::kNone) {}

EtcdClient::~EtcdClient() {
  for (const auto& call : calls_) call->context.TryCancel();
  for (const auto& call : calls_) {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [&] { return call->over; });
  }
}

void EtcdClient::Report(const std::shared_ptr<EtcdLine>& line, const grpc::Status& status) {
  if (line != line_) return;
  const Clock::time_point now = Clock::now();
  if (AsksForLogin(status)) {
    if (user_.name.empty()) {
      Tell(status.error_message());
    } else if (login_ == Login::kDone) {
      login_ = Login::kNone;
    }
  }
  if (!IsOfTheLine(status)) {
    if (status.ok()) heard_at_ = now;
    if (status.error_code() == grpc::StatusCode::PERMISSION_DENIED) Tell(status.error_message());
    fails_since_ = Clock::time_point::max();
    return;
  }
  fails_since_ = std::min(fails_since_, now);
  if (now - fails_since_ < patience_) return;
  fails_since_ = Clock::time_point::max();
  next_endpoint_ = (next_endpoint_ + 1) % endpoints_.size();
  LogDebug("Another connection to etcd is tried",
           {{"endpoint", endpoints_[next_endpoint_]}, {"error", status.error_message()}});
  line_ = std::make_shared<EtcdLine>(endpoints_[next_endpoint_], credentials_);
}

void EtcdClient::Tell(const std::string& refusal) {
  const Clock::time_point now = Clock::now();
  if (refusal == told_ && now - told_at_ < kTellAgain) return;
  LogWarning("etcd refuses this node", {{"endpoint", line_->endpoint}, {"error", refusal}});
  told_ = refusal;
  told_at_ = now;
}

void EtcdClient::ShowLogin(grpc::ClientContext& context) const {
  if (!token_.empty()) context.AddMetadata("token", token_);
}

void EtcdClient::LogIn() {
  if (login_ != Login::kNone || Clock::now() < next_login_) return;
  next_login_ = Clock::now() + kLoginAgain;
  login_ = Login::kAsked;
  token_.clear();
  etcdserverpb::AuthenticateRequest request;
  request.set_name(user_.name);
  request.set_password(user_.password);
  Start<etcdserverpb::AuthenticateRequest, etcdserverpb::AuthenticateResponse>(
      std::move(request), kLoginPatience,
      [this](const absl::Status& status, const etcdserverpb::AuthenticateResponse& reply) {
        OnLogin(status, reply.token());
      },
      [](auto& call, auto over) {
        call.line->auth->async()->Authenticate(&call.context, &call.request, &call.reply,
                                               std::move(over));
      });
}

void EtcdClient::OnLogin(const absl::Status& status, const std::string& token) {
  // An etcd that asks nobody who they are takes calls without a token.
  const bool open = absl::IsFailedPrecondition(status);
  login_ = status.ok() || open ? Login::kDone : Login::kNone;
  if (status.ok()) token_ = token;
  if (!status.ok() && !open && !absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status))
    Tell(std::string(status.message()));
}

template <class Request, class Reply, class Begin>
void EtcdClient::Ask(Request request, milliseconds deadline, Done<Reply> done, Begin begin) {
  if (login_ != Login::kDone) {
    LogIn();
    post_([done = std::move(done)] { done(absl::UnavailableError("not logged in to etcd"), {}); });
    return;
  }
  Start<Request, Reply>(std::move(request), deadline, std::move(done), std::move(begin));
}

template <class Request, class Reply, class Begin>
void EtcdClient::Start(Request request, milliseconds deadline, Done<Reply> done, Begin begin) {
  auto owned = std::make_unique<CallOf<Request, Reply>>();
  auto* const call = owned.get();
  call->request = std::move(request);
  call->done = std::move(done);
  call->line = line_;
  call->context.set_deadline(std::chrono::system_clock::now() + deadline);
  ShowLogin(call->context);
  calls_.push_back(std::move(owned));
  begin(*call, [this, call](grpc::Status status) {
    call->status = std::move(status);
    post_([this, call] {
      const Done<Reply> tell = std::move(call->done);
      const absl::Status outcome = AsksForLogin(call->status) && !user_.name.empty()
                                       ? absl::UnavailableError(call->status.error_message())
                                       : ToStatus(call->status);
      const Reply reply = std::move(call->reply);
      Report(call->line, call->status);
      Drop(call);
      tell(outcome, reply);
    });
    Over(*call);
  });
}

void EtcdClient::Over(Call& call) {
  const std::lock_guard lock(mutex_);
  call.over = true;
  over_.notify_all();
}

void EtcdClient::Drop(Call* call) {
  {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [call] { return call->over; });
  }
  calls_.remove_if([call](const auto& one) { return one.get() == call; });
}

void EtcdClient::Range(etcdserverpb::RangeRequest request, milliseconds deadline,
                       Done<etcdserverpb::RangeResponse> done) {
  Ask(std::move(request), deadline, std::move(done), [](auto& call, auto over) {
    call.line->kv->async()->Range(&call.context, &call.request, &call.reply, std::move(over));
  });
}

void EtcdClient::Txn(etcdserverpb::TxnRequest request, milliseconds deadline,
                     Done<etcdserverpb::TxnResponse> done) {
  Ask(std::move(request), deadline, std::move(done), [](auto& call, auto over) {
    call.line->kv->async()->Txn(&call.context, &call.request, &call.reply, std::move(over));
  });
}

void EtcdClient::Grant(int64_t ttl_seconds, milliseconds deadline,
                       Done<etcdserverpb::LeaseGrantResponse> done) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(ttl_seconds);
  Ask(std::move(request), deadline, std::move(done), [](auto& call, auto over) {
    call.line->lease->async()->LeaseGrant(&call.context, &call.request, &call.reply,
                                          std::move(over));
  });
}

void EtcdClient::KeepAlive(int64_t lease, milliseconds deadline,
                           Done<etcdserverpb::LeaseKeepAliveResponse> done) {
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(lease);
  Ask(std::move(request), deadline, std::move(done), [](auto& call, auto over) {
    call.line->lease->async()->LeaseKeepAlive(&call.context, &call.request, &call.reply,
                                              std::move(over));
  });
}

void EtcdClient::Revoke(int64_t lease, milliseconds deadline) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  ShowLogin(context);
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease);
  etcdserverpb::LeaseRevokeResponse reply;
  (void)line_->lease->LeaseRevoke(&context, request, &reply);
}

}  // namespace henge::cluster
