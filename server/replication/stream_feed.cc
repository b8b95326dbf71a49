// SPDX-License-Identifier: Apache-2.0
#include "server/replication/stream_feed.h"

#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "commands/command_table.h"
#include "server/node.h"

namespace henge::server {

using replication::StreamAcknowledgement;

StreamFeed::StreamFeed(Node& node, ClientId id, const commands::FollowerTraits& traits,
                       std::string address, replication::FollowerStream& stream)
    : FollowerFeed(node, id, traits, std::move(address)), stream_(&stream) {
  client_.id = id;
  client_.address = stream.peer();
  client_.local_address = node.replication().streams_address();
  client_.created_at = SystemClock().NowMillis();
  client_.last_interaction.store(client_.created_at);
  client_.client_class.store(commands::ClientClass::kReplica);
  client_.last_command.store(commands::CommandTable::Get().Find("replconf")->spec);
}

StreamFeed::~StreamFeed() = default;

void StreamFeed::Stop() {
  FollowerFeed::Stop();
  Break();
}

void StreamFeed::Break() {
  const std::lock_guard lock(mu_);
  if (stream_ != nullptr) stream_->Cancel();
}

absl::StatusOr<replication::Resync> StreamFeed::OnHello(const replication::StreamHello& hello,
                                                        const replication::Holding& holding) {
  const std::lock_guard lock(mu_);
  node_name_ = hello.node;
  auto resync = end_.OnHello(hello, holding, SystemClock().NowMillis());
  if (!resync.ok() || *resync == replication::Resync::kFull) return resync;
  if (!TakePlace(node_.replication().LsnOfOffset(hello.next_offset - 1))) {
    end_.OnPlaceLost();
    return replication::Resync::kFull;
  }
  partial_ = end_.Greeting(holding);
  return resync;
}

absl::Status StreamFeed::Serve() {
  const ThreadMemory memory;
  replication::FollowerStream& stream = *stream_;
  absl::Status status;
  if (!has_place()) {
    status = BeginFull();
  } else {
    set_state(State::kOnline);
    if (!stream.Send(partial_)) status = Stopped();
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
  End();
  return status;
}

absl::Status StreamFeed::BeginFull() {
  auto source = JoinSource();
  if (!source.ok()) return source.status();
  {
    const std::lock_guard lock(mu_);
    source_ = *source;
  }
  return stream_->Send(full_) ? absl::OkStatus() : Stopped();
}

absl::Status StreamFeed::OnSource(const SyncSource::Position& position,
                                  const replication::Holding& holding) {
  const std::lock_guard lock(mu_);
  auto full = end_.OnSnapshot(position.history_id, position.offset, id(), holding);
  if (full.ok()) full_ = *std::move(full);
  return full.status();
}

absl::Status StreamFeed::SayAlive() {
  if (node_.IsStalled()) return absl::OkStatus();
  const replication::StreamAlive alive{node_.replication().epochs().data};
  return stream_->Send(alive) ? absl::OkStatus() : Stopped();
}

bool StreamFeed::IsSilent(UnixMillis now, int64_t timeout_ms) const {
  const std::lock_guard lock(mu_);
  return end_.IsSilent(now, timeout_ms);
}

absl::Status StreamFeed::SendSnapshot(absl::FunctionRef<bool(std::string_view)> send) {
  std::shared_ptr<SyncSource> source;
  {
    const std::lock_guard lock(mu_);
    source = source_;
  }
  if (source == nullptr) return absl::NotFoundError("there is no such snapshot");
  return CopySnapshot(*source, [&](std::string_view bytes) {
    if (!send(bytes)) return Stopped();
    node_.replication().CountSent(bytes.size());
    return absl::OkStatus();
  });
}

void StreamFeed::ReadAcknowledgements() {
  while (const std::optional<StreamAcknowledgement> heard = stream_->Read()) {
    if (!OnAcknowledgement(*heard)) break;
    node_.replication().Acknowledge(id(), heard->applied, heard->durable);
  }
  FollowerFeed::Stop();
}

bool StreamFeed::OnAcknowledgement(const StreamAcknowledgement& said) {
  const UnixMillis now = SystemClock().NowMillis();
  client_.last_interaction.store(now, std::memory_order_relaxed);
  const std::lock_guard lock(mu_);
  const absl::Status status = end_.OnAcknowledgement(said, now);
  if (!status.ok()) {
    LogWarning("A replica says what can't be",
               {{"replica", address()}, {"port", port()}, {"what", Std(status.message())}});
    return false;
  }
  if (state() == State::kOnline) return true;
  set_state(State::kOnline);
  source_ = nullptr;
  LogNotice("Synchronization with replica succeeded", {{"replica", address()}, {"port", port()}});
  return true;
}

absl::Status StreamFeed::SendJournal(Lsn lsn, std::string_view bytes) {
  const int64_t offset = node_.replication().OffsetOf(lsn);
  absl::StatusOr<uint64_t> epoch;
  {
    const std::lock_guard lock(mu_);
    epoch = end_.OnRecords(offset, bytes.size(), node_.replication().epochs());
  }
  if (!epoch.ok()) return epoch.status();
  if (!stream_->SendRecords(offset, *epoch, bytes)) return Stopped();
  node_.replication().CountSent(bytes.size());
  return absl::OkStatus();
}

}  // namespace henge::server
