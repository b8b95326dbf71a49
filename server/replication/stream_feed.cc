// SPDX-License-Identifier: Apache-2.0
#include "server/replication/stream_feed.h"

#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "server/node.h"

namespace henge::server {

using replication::StreamAcknowledgement;

StreamFeed::StreamFeed(Node& node, ClientId id, const commands::FollowerTraits& traits,
                       std::string address, replication::FollowerStream& stream)
    : FollowerFeed(node, id, traits, std::move(address)), stream_(&stream) {}

StreamFeed::~StreamFeed() = default;

void StreamFeed::Stop() {
  FollowerFeed::Stop();
  Break();
}

void StreamFeed::Break() {
  const std::lock_guard lock(mu_);
  if (stream_ != nullptr) stream_->Cancel();
}

absl::Status StreamFeed::Serve(std::string_view history_id,
                               std::unique_ptr<persistence::JournalReader> reader) {
  const ThreadMemory memory;
  replication::FollowerStream& stream = *stream_;
  reader_ = std::move(reader);
  absl::Status status;
  if (reader_ == nullptr) {
    status = BeginFull();
  } else {
    set_state(State::kOnline);
    if (!stream.Send(replication::StreamPartial{std::string(history_id)})) status = Stopped();
  }
  std::thread acknowledgements([this] { ReadAcknowledgements(); });
  if (status.ok()) status = FollowJournal();
  stream.Cancel();  // So that nobody waits for an acknowledgement.
  acknowledgements.join();
  {
    const std::lock_guard lock(mu_);
    stream_ = nullptr;
    source_ = nullptr;
  }
  ended_.store(true, std::memory_order_release);
  return status;
}

absl::Status StreamFeed::BeginFull() {
  auto source = JoinSource();
  if (!source.ok()) return source.status();
  const SyncSource::Position& position = (*source)->position();
  online_from_.store(position.offset);
  {
    const std::lock_guard lock(mu_);
    source_ = *source;
  }
  const replication::StreamFull full{position.history_id, position.offset, id()};
  return stream_->Send(full) ? absl::OkStatus() : Stopped();
}

absl::Status StreamFeed::SendSnapshot(absl::FunctionRef<bool(std::string_view)> send) {
  std::shared_ptr<SyncSource> source;
  {
    const std::lock_guard lock(mu_);
    source = source_;
  }
  if (source == nullptr) return absl::NotFoundError("there is no such snapshot");
  return CopySnapshot(
      *source, [&](std::string_view bytes) { return send(bytes) ? absl::OkStatus() : Stopped(); });
}

void StreamFeed::ReadAcknowledgements() {
  while (const std::optional<StreamAcknowledgement> heard = stream_->Read()) {
    if (state() != State::kOnline && heard->applied >= online_from_.load()) {
      set_state(State::kOnline);
      LogNotice("Synchronization with replica succeeded",
                {{"replica", address()}, {"port", port()}});
      const std::lock_guard lock(mu_);
      source_ = nullptr;
    }
    node_.replication().Acknowledge(id(), heard->applied, heard->durable);
  }
  FollowerFeed::Stop();
}

absl::Status StreamFeed::SendJournal(Lsn lsn, std::string_view bytes) {
  const bool sent = stream_->SendRecords(node_.replication().OffsetOf(lsn), 0, bytes);
  return sent ? absl::OkStatus() : Stopped();
}

}  // namespace henge::server
