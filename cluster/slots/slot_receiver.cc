// SPDX-License-Identifier: Apache-2.0
#include "cluster/slots/slot_receiver.h"

#include <grpcpp/grpcpp.h>

#include "base/strings.h"
#include "henge/slot_transfer.grpc.pb.h"
#include "persistence/rdb/crc64.h"

namespace henge::cluster {
namespace {

class Served final : public SlotTransferStream {
 public:
  using Stream = grpc::ServerReaderWriter<bus::TransferHeard, bus::TransferSaid>;
  Served(grpc::ServerContext& context, Stream& stream) : context_(context), stream_(stream) {}

  std::optional<SlotTransferOpening> ReadOpening() {
    if (!stream_.Read(&said_) || !said_.has_open()) return std::nullopt;
    const bus::TransferOpen& open = said_.open();
    const auto source = NodeId::Parse(open.source());
    if (open.version() != kSlotTransferVersion || !source) return std::nullopt;
    return SlotTransferOpening{open.migration(), *source, open.topology()};
  }

  std::optional<SlotTransferSaid> Read() override {
    if (!stream_.Read(&said_)) return std::nullopt;
    if (said_.has_settle()) return SlotTransferSaid{.settle = true};
    if (!said_.has_records()) return std::nullopt;
    const std::string& data = said_.records().data();
    damaged_ = persistence::Crc64(0, data) != said_.records().checksum();
    if (damaged_) return std::nullopt;
    return SlotTransferSaid{.records = data};
  }

  bool SayReady() override {
    heard_.mutable_ready();
    return stream_.Write(heard_);
  }
  bool SayApplied(uint64_t bytes) override {
    heard_.mutable_applied()->set_bytes(bytes);
    return stream_.Write(heard_);
  }
  bool SaySettled() override {
    heard_.mutable_settled();
    return stream_.Write(heard_);
  }
  bool IsOver() const override { return context_.IsCancelled(); }
  void Cancel() override { context_.TryCancel(); }
  bool damaged() const { return damaged_; }

 private:
  grpc::ServerContext& context_;
  Stream& stream_;
  bus::TransferSaid said_;
  bus::TransferHeard heard_;
  bool damaged_ = false;
};

class Service final : public bus::SlotTransfer::Service {
 public:
  explicit Service(SlotReceiver& receiver) : receiver_(receiver) {}

  grpc::Status Transfer(grpc::ServerContext* context, Served::Stream* stream) override {
    Served served(*context, *stream);
    const std::optional<SlotTransferOpening> opening = served.ReadOpening();
    if (!opening) return {grpc::StatusCode::INVALID_ARGUMENT, "a transfer begins with its opening"};
    const absl::Status status = receiver_.OnTransfer(*opening, served);
    if (served.damaged()) return {grpc::StatusCode::DATA_LOSS, "records with a wrong checksum"};
    return {static_cast<grpc::StatusCode>(status.code()), std::string(Std(status.message()))};
  }

 private:
  SlotReceiver& receiver_;
};

}  // namespace

std::shared_ptr<grpc::Service> MakeSlotTransferService(SlotReceiver& receiver) {
  return std::make_shared<Service>(receiver);
}

}  // namespace henge::cluster
