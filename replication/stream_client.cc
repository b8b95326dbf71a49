// SPDX-License-Identifier: Apache-2.0
#include "replication/stream_client.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <mutex>
#include <utility>

#include "base/strings.h"
#include "henge/replication.grpc.pb.h"
#include "persistence/rdb/crc64.h"
#include "replication/past_names.h"

namespace henge::replication {
namespace {

constexpr int kReconnectMillis = 200;
constexpr int kKeepaliveMillis = 5000;
constexpr int kMostMessageBytes = 4 << 20;
constexpr int kWindowBytes = 1 << 20;

std::string Target(std::string_view host, int port) {
  const bool bare_ipv6 = host.find(':') != std::string_view::npos && host[0] != '[';
  return bare_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), Absl(status.error_message())};
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("the stream is damaged: {}", what));
}

}  // namespace

struct StreamClient::Wire {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<Replication::Stub> stub;
  grpc::ClientContext context;
  grpc::ClientContext snapshot_context;
  std::unique_ptr<grpc::ClientReaderWriter<FollowerMessage, LeaderMessage>> stream;
  LeaderMessage message;
  std::mutex mu;      // Held to write, and to end it.
  bool over = false;  // Finish was called.
};

StreamClient::StreamClient(std::string_view host, int port) : wire_(std::make_unique<Wire>()) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMillis);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMillis);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMillis);
  args.SetMaxReceiveMessageSize(kMostMessageBytes);
  // A window that is large from the start: no pings to find out how large it should be.
  args.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  args.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
  wire_->channel =
      grpc::CreateCustomChannel(Target(host, port), grpc::InsecureChannelCredentials(), args);
  wire_->stub = Replication::NewStub(wire_->channel);
}

StreamClient::~StreamClient() {
  Cancel();
  if (wire_->stream != nullptr && !wire_->over) wire_->stream->Finish();
}

void StreamClient::Cancel() {
  wire_->context.TryCancel();
  wire_->snapshot_context.TryCancel();
}

absl::Status StreamClient::Open(const StreamHello& hello) {
  wire_->stream = wire_->stub->Follow(&wire_->context);
  FollowerMessage message;
  Hello& wire = *message.mutable_hello();
  wire.set_version(hello.version);
  wire.set_token(hello.token);
  wire.set_group(hello.group);
  wire.set_epoch(hello.epoch);
  wire.set_history_id(hello.history_id);
  wire.set_next_offset(static_cast<uint64_t>(hello.next_offset));
  WriteNames(hello.earlier, *wire.mutable_earlier());
  wire.set_rdb_version(static_cast<uint32_t>(hello.rdb_version));
  wire.set_port(static_cast<uint32_t>(hello.port));
  wire.set_address(hello.address);
  wire.set_node(hello.node);
  return wire_->stream->Write(message) ? absl::OkStatus() : WhyOver();
}

absl::Status StreamClient::WhyOver() {
  const std::lock_guard lock(wire_->mu);
  wire_->over = true;
  const absl::Status status = FromGrpc(wire_->stream->Finish());
  return status.ok() ? absl::UnavailableError("the leader ended the stream") : status;
}

absl::StatusOr<LeaderSaid> StreamClient::Read() {
  LeaderMessage& message = wire_->message;
  if (!wire_->stream->Read(&message)) return WhyOver();
  if (message.has_partial()) {
    const Partial& partial = message.partial();
    return StreamPartial{.history_id = partial.history_id(),
                         .epoch = partial.epoch(),
                         .end = static_cast<int64_t>(partial.end()),
                         .earlier = ReadNames(partial.earlier())};
  }
  if (message.has_full()) {
    const Full& full = message.full();
    return StreamFull{.history_id = full.history_id(),
                      .offset = static_cast<int64_t>(full.offset()),
                      .snapshot = full.snapshot(),
                      .epoch = full.epoch(),
                      .common = full.has_common() ? static_cast<int64_t>(full.common()) : -1,
                      .earlier = ReadNames(full.earlier())};
  }
  if (message.has_alive()) return StreamAlive{message.alive().epoch()};
  if (!message.has_records()) return Damaged("an unknown word");
  Records& records = *message.mutable_records();
  const auto offset = static_cast<int64_t>(records.offset());
  if (persistence::Crc64(0, records.data()) != records.checksum()) {
    return Damaged(fmt::format("wrong checksum of bytes at {}", offset));
  }
  return StreamRecords{offset, std::move(*records.mutable_data()), records.epoch()};
}

bool StreamClient::Send(const StreamAcknowledgement& acknowledgement) {
  FollowerMessage message;
  Acknowledgement& wire = *message.mutable_acknowledgement();
  wire.set_received(static_cast<uint64_t>(acknowledgement.received));
  wire.set_applied(static_cast<uint64_t>(acknowledgement.applied));
  if (acknowledgement.durable >= 0)
    wire.set_durable(static_cast<uint64_t>(acknowledgement.durable));
  const std::lock_guard lock(wire_->mu);
  return !wire_->over && wire_->stream->Write(message);
}

absl::Status StreamClient::ReadSnapshot(uint64_t snapshot, std::string_view token,
                                        absl::FunctionRef<absl::Status(std::string_view)> take) {
  SnapshotRequest request;
  request.set_snapshot(snapshot);
  request.set_token(std::string(token));
  const auto reader = wire_->stub->Snapshot(&wire_->snapshot_context, request);
  SnapshotChunk chunk;
  uint64_t offset = 0;
  bool whole = false;
  absl::Status status;
  while (status.ok() && reader->Read(&chunk)) {
    whole = chunk.last();
    if (chunk.offset() != offset) {
      status = Damaged("a gap in the snapshot");
    } else if (!whole && persistence::Crc64(0, chunk.data()) != chunk.checksum()) {
      status = Damaged("a wrong checksum in the snapshot");
    } else if (!whole) {
      offset += chunk.data().size();
      status = take(chunk.data());
    }
  }
  if (!status.ok()) wire_->snapshot_context.TryCancel();
  const absl::Status ended = FromGrpc(reader->Finish());
  if (!status.ok()) return status;
  if (!ended.ok()) return ended;
  return whole ? absl::OkStatus() : Damaged("the snapshot has no end");
}

}  // namespace henge::replication
