// SPDX-License-Identifier: Apache-2.0
#include "cluster/slots/slot_sender.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "cluster/bus_channel.h"
#include "cluster/slots/slot_receiver.h"
#include "henge/slot_transfer.grpc.pb.h"
#include "persistence/rdb/crc64.h"

namespace henge::cluster {
namespace {

constexpr int kMostAnswerBytes = 64 * 1024;
constexpr auto kEndTimeout = std::chrono::seconds(1);
constexpr auto kOpenTimeout = std::chrono::seconds(30);  // It may have keys to delete first.

}  // namespace

struct SlotSender::Wire {
  explicit Wire(const PeerAddress& target)
      : stub(bus::SlotTransfer::NewStub(ConnectToBus(target, kMostAnswerBytes))) {}

  void Listen();

  const std::unique_ptr<bus::SlotTransfer::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<bus::TransferSaid, bus::TransferHeard>> stream;
  bus::TransferSaid records;  // Its memory is used again.
  std::thread reader;
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> applied{0};
  std::atomic<UnixMillis> heard_at{0};

  std::mutex mu;  // Of all below.
  std::condition_variable changed;
  bool ready = false;
  bool over = false;  // Nothing more is heard.
  bool finished = false;
  uint64_t settles = 0;  // Asked for, and
  uint64_t settled = 0;  // answered.
  absl::Status why;
};

void SlotSender::Wire::Listen() {
  bus::TransferHeard heard;
  while (stream->Read(&heard)) {
    heard_at.store(SystemClock().NowMillis());
    if (heard.has_applied()) applied.store(heard.applied().bytes());
    const std::lock_guard lock(mu);
    ready = ready || heard.has_ready();
    if (heard.has_settled()) ++settled;
    changed.notify_all();
  }
  const std::lock_guard lock(mu);
  over = true;
  changed.notify_all();
}

SlotSender::SlotSender(const PeerAddress& target) : wire_(std::make_unique<Wire>(target)) {}

SlotSender::~SlotSender() {
  Cancel();
  if (wire_->reader.joinable()) wire_->reader.join();
  if (wire_->stream != nullptr && !wire_->finished) wire_->stream->Finish();
}

void SlotSender::Cancel() { wire_->context.TryCancel(); }

uint64_t SlotSender::sent_bytes() const { return wire_->sent.load(); }
uint64_t SlotSender::applied_bytes() const { return wire_->applied.load(); }
UnixMillis SlotSender::heard_at() const { return wire_->heard_at.load(); }

// Why the stream has ended. Its end is waited for.
absl::Status SlotSender::WhyOver() {
  Wire& wire = *wire_;
  if (wire.finished) return wire.why;
  {
    // A target that said why it ends has ended already.
    std::unique_lock lock(wire.mu);
    if (!wire.changed.wait_for(lock, kEndTimeout, [&] { return wire.over; })) {
      wire.context.TryCancel();
      wire.changed.wait(lock, [&] { return wire.over; });
    }
  }
  const grpc::Status status = wire.stream->Finish();
  wire.finished = true;
  wire.why = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                          Absl(std::string_view(status.error_message())));
  if (wire.why.ok()) wire.why = absl::UnavailableError("the target ended the stream");
  return wire.why;
}

absl::Status SlotSender::Open(const std::string& migration, const NodeId& source,
                              uint64_t topology) {
  Wire& wire = *wire_;
  wire.stream = wire.stub->Transfer(&wire.context);
  wire.reader = std::thread([&wire] { wire.Listen(); });
  bus::TransferSaid said;
  said.mutable_open()->set_version(kSlotTransferVersion);
  said.mutable_open()->set_migration(migration);
  said.mutable_open()->set_source(source.str());
  said.mutable_open()->set_topology(topology);
  if (!wire.stream->Write(said)) return WhyOver();
  {
    std::unique_lock lock(wire.mu);
    wire.changed.wait_for(lock, kOpenTimeout, [&] { return wire.ready || wire.over; });
    if (wire.ready) return absl::OkStatus();
    if (!wire.over) wire.why = absl::DeadlineExceededError("the target does not answer");
  }
  const absl::Status status = WhyOver();
  return absl::IsCancelled(status) ? absl::DeadlineExceededError("the target does not answer")
                                   : status;
}

absl::Status SlotSender::Send(std::string_view commands) {
  while (!commands.empty()) {
    const std::string_view part = commands.substr(0, kMostTransferBytes);
    bus::TransferRecords& records = *wire_->records.mutable_records();
    records.set_data(part.data(), part.size());
    records.set_checksum(persistence::Crc64(0, part));
    if (!wire_->stream->Write(wire_->records)) return WhyOver();
    wire_->sent.fetch_add(part.size());
    commands.remove_prefix(part.size());
  }
  return absl::OkStatus();
}

absl::Status SlotSender::Settle(int64_t timeout_ms) {
  Wire& wire = *wire_;
  uint64_t asked;
  {
    const std::lock_guard lock(wire.mu);
    asked = ++wire.settles;
  }
  bus::TransferSaid said;
  said.mutable_settle();
  if (!wire.stream->Write(said)) return WhyOver();
  {
    std::unique_lock lock(wire.mu);
    wire.changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                          [&] { return wire.settled >= asked || wire.over; });
    if (wire.settled >= asked) return absl::OkStatus();
    if (!wire.over) return absl::DeadlineExceededError("the target is late");
  }
  return WhyOver();
}

}  // namespace henge::cluster
