// SPDX-License-Identifier: Apache-2.0
// Both ends of a stream, over a real connection on loopback.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <thread>

#include "henge/replication.grpc.pb.h"
#include "persistence/rdb/crc64.h"
#include "replication/follower_end.h"
#include "replication/stream_client.h"
#include "replication/stream_server.h"

namespace henge::replication {
namespace {

// A gRPC server on a free port of loopback.
class Served {
 public:
  explicit Served(grpc::Service& service) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
  }
  ~Served() { server_->Shutdown(std::chrono::system_clock::now()); }
  int port() const { return port_; }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Sends what the test gave it, and hears acknowledgements until there are no more.
struct Leader final : StreamHandler {
  absl::Status OnFollow(const StreamHello& said, FollowerStream& stream) override {
    hello = said;
    stream.Send(StreamAlive{3});
    if (full) {
      stream.Send(*full);
    } else {
      stream.Send(StreamPartial{"history"});
    }
    for (const auto& [offset, bytes] : records) stream.SendRecords(offset, 1, bytes);
    while (const auto acknowledgement = stream.Read()) heard = *acknowledgement;
    return absl::CancelledError("over");
  }
  absl::Status OnSnapshot(uint64_t number, std::string_view,
                          absl::FunctionRef<bool(std::string_view)> send) override {
    if (number != 7) return absl::NotFoundError("there is no such snapshot");
    for (const std::string& piece : snapshot) send(piece);
    return absl::OkStatus();
  }

  StreamHello hello;
  std::optional<StreamFull> full;
  std::vector<std::pair<int64_t, std::string>> records;
  std::vector<std::string> snapshot;
  StreamAcknowledgement heard;
};

TEST(Stream, CarriesWordsBothWays) {
  Leader leader;
  leader.full =
      StreamFull{.history_id = "history", .offset = 100, .snapshot = 7, .earlier = {{"e", 5}}};
  leader.snapshot = {std::string(300'000, 'a'), "b"};
  leader.records = {{100, "one"}, {103, std::string(3 * kMostStreamBytes, 'x')}};
  const auto service = MakeStreamService(leader);
  {
    const Served served(*service);
    StreamClient client("127.0.0.1", served.port());
    ASSERT_TRUE(client
                    .Open({.token = "t",
                           .history_id = "h",
                           .next_offset = 12,
                           .earlier = {{"g", 9}, {"f", 3}},
                           .port = 7})
                    .ok());
    const auto alive = client.Read();
    ASSERT_TRUE(alive.ok()) << alive.status();
    EXPECT_EQ(std::get<StreamAlive>(*alive).epoch, 3u);
    const auto first = client.Read();
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(std::get<StreamFull>(*first).offset, 100);
    EXPECT_EQ(std::get<StreamFull>(*first).earlier, (std::vector<EarlierName>{{"e", 5}}));
    std::string snapshot;
    const auto take = [&](std::string_view bytes) {
      snapshot += bytes;
      return absl::OkStatus();
    };
    ASSERT_TRUE(client.ReadSnapshot(7, "t", take).ok());
    EXPECT_EQ(snapshot, std::string(300'000, 'a') + "b");
    std::string bytes;
    while (bytes.size() < 3 + 3 * kMostStreamBytes) {
      const auto said = client.Read();
      ASSERT_TRUE(said.ok()) << said.status();
      EXPECT_EQ(std::get<StreamRecords>(*said).offset, 100 + static_cast<int64_t>(bytes.size()));
      bytes += std::get<StreamRecords>(*said).data;
    }
    EXPECT_TRUE(client.Send({.received = 3, .applied = 2, .durable = 1}));
    client.Cancel();
    EXPECT_EQ(client.Read().status().code(), absl::StatusCode::kCancelled);
  }
  EXPECT_EQ(leader.hello.token, "t");
  EXPECT_EQ(leader.hello.next_offset, 12);
  EXPECT_EQ(leader.hello.earlier, (std::vector<EarlierName>{{"g", 9}, {"f", 3}}));
  EXPECT_EQ(leader.hello.port, 7);
}

TEST(Stream, EndsWhereThereIsNobody) {
  StreamClient client("127.0.0.1", 1);
  const absl::Status status = client.Open({});
  EXPECT_FALSE(status.ok() && client.Read().ok());
}

TEST(Stream, SaysWhyASnapshotIsNotThere) {
  Leader leader;
  const auto service = MakeStreamService(leader);
  const Served served(*service);
  StreamClient client("127.0.0.1", served.port());
  const auto take = [](std::string_view) { return absl::OkStatus(); };
  EXPECT_EQ(client.ReadSnapshot(8, "t", take).code(), absl::StatusCode::kNotFound);
}

// Says what it was given, whatever that is.
struct Liar final : Replication::Service {
  grpc::Status Follow(grpc::ServerContext*,
                      grpc::ServerReaderWriter<LeaderMessage, FollowerMessage>* stream) override {
    FollowerMessage hello;
    stream->Read(&hello);
    for (const LeaderMessage& message : messages) stream->Write(message);
    return grpc::Status::OK;
  }
  grpc::Status Snapshot(grpc::ServerContext*, const SnapshotRequest*,
                        grpc::ServerWriter<SnapshotChunk>* writer) override {
    for (const SnapshotChunk& chunk : chunks) writer->Write(chunk);
    return grpc::Status::OK;
  }
  std::vector<LeaderMessage> messages;
  std::vector<SnapshotChunk> chunks;
};

LeaderMessage Bytes(uint64_t offset, const std::string& data, uint64_t checksum) {
  LeaderMessage message;
  message.mutable_records()->set_offset(offset);
  message.mutable_records()->set_data(data);
  message.mutable_records()->set_checksum(checksum);
  return message;
}
LeaderMessage Everything(uint64_t offset) {
  LeaderMessage message;
  message.mutable_full()->set_history_id("h");
  message.mutable_full()->set_offset(offset);
  return message;
}

// What a follower makes of it, in the end.
absl::Status Believed(std::vector<LeaderMessage> messages) {
  Liar liar;
  liar.messages = std::move(messages);
  const Served served(liar);
  StreamClient client("127.0.0.1", served.port());
  absl::Status status = client.Open({});
  FollowerEnd end({}, 0);
  while (status.ok()) {
    const auto said = client.Read();
    status = said.status();
    if (!said.ok()) break;
    if (const auto* full = std::get_if<StreamFull>(&*said)) status = end.OnFull(*full, 0);
    if (const auto* records = std::get_if<StreamRecords>(&*said)) {
      status = end.OnRecords(records->offset, records->data.size(), records->epoch, 0).status();
    }
  }
  return status;
}

TEST(Stream, BelievesNothingDamaged) {
  const uint64_t sum = persistence::Crc64(0, "abc");
  EXPECT_EQ(Believed({Everything(5), Bytes(5, "abc", sum)}).code(), absl::StatusCode::kUnavailable)
      << "the end of a sound stream";
  EXPECT_TRUE(absl::IsDataLoss(Believed({Everything(5), Bytes(5, "abd", sum)})));
  EXPECT_TRUE(absl::IsDataLoss(Believed({Everything(5), Bytes(6, "abc", sum)})));
  EXPECT_TRUE(
      absl::IsDataLoss(Believed({Everything(5), Bytes(5, "abc", sum), Bytes(5, "abc", sum)})));
  EXPECT_TRUE(absl::IsDataLoss(Believed({Bytes(5, "abc", sum)})));
  EXPECT_TRUE(absl::IsDataLoss(Believed({Everything(5), Everything(5)})));
  EXPECT_TRUE(absl::IsDataLoss(Believed({LeaderMessage()})));
}

TEST(Stream, BelievesNoHalfSnapshot) {
  const auto chunk = [](uint64_t offset, std::string_view data, bool last) {
    SnapshotChunk made;
    made.set_offset(offset);
    made.set_data(std::string(data));
    made.set_checksum(persistence::Crc64(0, data));
    made.set_last(last);
    return made;
  };
  const auto read = [](std::vector<SnapshotChunk> chunks) {
    Liar liar;
    liar.chunks = std::move(chunks);
    const Served served(liar);
    StreamClient client("127.0.0.1", served.port());
    return client.ReadSnapshot(1, "", [](std::string_view) { return absl::OkStatus(); });
  };
  EXPECT_TRUE(read({chunk(0, "abc", false), chunk(3, "", true)}).ok());
  EXPECT_TRUE(absl::IsDataLoss(read({chunk(0, "abc", false)})));
  EXPECT_TRUE(absl::IsDataLoss(read({chunk(0, "abc", false), chunk(4, "", true)})));
  EXPECT_TRUE(absl::IsDataLoss(read({chunk(1, "abc", false)})));
  EXPECT_TRUE(absl::IsDataLoss(read({})));
}

}  // namespace
}  // namespace henge::replication
