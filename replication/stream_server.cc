// SPDX-License-Identifier: Apache-2.0
#include "replication/stream_server.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "base/strings.h"
#include "henge/replication.grpc.pb.h"
#include "persistence/rdb/crc64.h"
#include "replication/past_names.h"

namespace henge::replication {
namespace {

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(Std(status.message()))};
}

// "ipv4:127.0.0.1:5000" without what stands before the address.
std::string PeerAddress(const std::string& peer) {
  const size_t colon = peer.find(':');
  return colon == std::string::npos ? peer : peer.substr(colon + 1);
}

class ServedStream final : public FollowerStream {
 public:
  using Stream = grpc::ServerReaderWriter<LeaderMessage, FollowerMessage>;
  ServedStream(grpc::ServerContext& context, Stream& stream) : context_(context), stream_(stream) {}

  std::string peer() const override { return PeerAddress(context_.peer()); }

  std::optional<StreamHello> ReadHello() {
    FollowerMessage message;
    if (!stream_.Read(&message) || !message.has_hello()) return std::nullopt;
    const Hello& wire = message.hello();
    return StreamHello{.version = wire.version(),
                       .token = wire.token(),
                       .group = wire.group(),
                       .epoch = wire.epoch(),
                       .history_id = wire.history_id(),
                       .next_offset = static_cast<int64_t>(wire.next_offset()),
                       .earlier = ReadNames(wire.earlier()),
                       .rdb_version = static_cast<int>(wire.rdb_version()),
                       .port = static_cast<int>(wire.port()),
                       .address = wire.address(),
                       .node = wire.node()};
  }

  std::optional<StreamAcknowledgement> Read() override {
    FollowerMessage message;
    if (!stream_.Read(&message) || !message.has_acknowledgement()) return std::nullopt;
    const Acknowledgement& wire = message.acknowledgement();
    return StreamAcknowledgement{
        .received = static_cast<int64_t>(wire.received()),
        .applied = static_cast<int64_t>(wire.applied()),
        .durable = wire.has_durable() ? static_cast<int64_t>(wire.durable()) : -1};
  }

  bool Send(const StreamPartial& partial) override {
    LeaderMessage message;
    message.mutable_partial()->set_history_id(partial.history_id);
    message.mutable_partial()->set_epoch(partial.epoch);
    message.mutable_partial()->set_end(static_cast<uint64_t>(partial.end));
    WriteNames(partial.earlier, *message.mutable_partial()->mutable_earlier());
    return stream_.Write(message);
  }
  bool Send(const StreamFull& full) override {
    LeaderMessage message;
    message.mutable_full()->set_history_id(full.history_id);
    message.mutable_full()->set_offset(static_cast<uint64_t>(full.offset));
    message.mutable_full()->set_snapshot(full.snapshot);
    message.mutable_full()->set_epoch(full.epoch);
    if (full.common >= 0) message.mutable_full()->set_common(static_cast<uint64_t>(full.common));
    WriteNames(full.earlier, *message.mutable_full()->mutable_earlier());
    return stream_.Write(message);
  }
  bool Send(const StreamAlive& alive) override {
    LeaderMessage message;
    message.mutable_alive()->set_epoch(alive.epoch);
    return stream_.Write(message);
  }
  bool SendRecords(int64_t offset, uint64_t epoch, std::string_view data) override {
    while (!data.empty()) {
      const std::string_view part = data.substr(0, kMostStreamBytes);
      Records& records = *message_.mutable_records();
      records.set_offset(static_cast<uint64_t>(offset));
      records.set_epoch(epoch);
      records.set_data(part.data(), part.size());
      records.set_checksum(persistence::Crc64(0, part));
      if (!stream_.Write(message_)) return false;
      offset += static_cast<int64_t>(part.size());
      data.remove_prefix(part.size());
    }
    return true;
  }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ServerContext& context_;
  Stream& stream_;
  LeaderMessage message_;  // Of records: its memory is used again.
};

class StreamService final : public Replication::Service {
 public:
  explicit StreamService(StreamHandler& handler) : handler_(handler) {}

  grpc::Status Follow(grpc::ServerContext* context, ServedStream::Stream* stream) override {
    ServedStream served(*context, *stream);
    const std::optional<StreamHello> hello = served.ReadHello();
    if (!hello) return {grpc::StatusCode::INVALID_ARGUMENT, "a stream begins with hello"};
    return ToGrpc(handler_.OnFollow(*hello, served));
  }

  grpc::Status Snapshot(grpc::ServerContext*, const SnapshotRequest* request,
                        grpc::ServerWriter<SnapshotChunk>* writer) override {
    SnapshotChunk chunk;
    uint64_t offset = 0;
    const auto send = [&](std::string_view data) {
      chunk.set_offset(offset);
      chunk.set_data(data.data(), data.size());
      chunk.set_checksum(persistence::Crc64(0, data));
      offset += data.size();
      return writer->Write(chunk);
    };
    const absl::Status status = handler_.OnSnapshot(request->snapshot(), request->token(), send);
    if (status.ok()) {
      chunk.Clear();
      chunk.set_offset(offset);
      chunk.set_last(true);
      writer->Write(chunk);
    }
    return ToGrpc(status);
  }

 private:
  StreamHandler& handler_;
};

}  // namespace

std::shared_ptr<grpc::Service> MakeStreamService(StreamHandler& handler) {
  return std::make_shared<StreamService>(handler);
}

}  // namespace henge::replication
