// SPDX-License-Identifier: Apache-2.0
#include "commands/connection/client_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/numbers.h"
#include "base/strings.h"
#include "commands/connection/tracking.h"

namespace henge::commands {
namespace {

template <class T>
T Relaxed(const std::atomic<T>& value) {
  return value.load(std::memory_order_relaxed);
}

// One letter for each thing that is true of the client; N when nothing is.
std::string Flags(const ClientState& client) {
  std::string flags;
  const auto add = [&flags](bool on, char letter) {
    if (on) flags += letter;
  };
  const ClientClass link = Relaxed(client.client_class);
  add(Relaxed(client.monitor), 'O');
  add(link == ClientClass::kReplica, 'S');
  add(link == ClientClass::kMaster, 'M');
  add(TypeOf(client) == ClientType::kPubsub, 'P');
  add(Relaxed(client.in_multi), 'x');
  add(Relaxed(client.blocked) || Relaxed(client.paused), 'b');
  add((Relaxed(client.tracking) & kTracks) != 0, 't');
  add((Relaxed(client.tracking) & kTrackBroken) != 0, 'R');
  add((Relaxed(client.tracking) & kTrackBroadcast) != 0, 'B');
  add(Relaxed(client.watch_flag.raised), 'd');
  add(Relaxed(client.close_asap), 'A');
  add(client.unix_socket, 'U');
  add(Relaxed(client.readonly), 'r');
  add(Relaxed(client.no_evict), 'e');
  add(Relaxed(client.no_touch), 'T');
  return flags.empty() ? "N" : flags;
}

std::string LastCommand(const ClientState& client) {
  const CommandSpec* command = Relaxed(client.last_command);
  if (command == nullptr) return "NULL";
  const CommandSpec* container = Relaxed(client.last_container);
  if (container == nullptr) return std::string(command->name);
  return fmt::format("{}|{}", container->name, command->name);
}

// The largest reply of late, and what a buffer of Redis's own sizing would have grown or shrunk to
// for it. (Henge's clients borrow their buffers for as long as something is to be sent.)
struct ReplyBufferSizes {
  uint64_t size;
  uint64_t peak;
};
ReplyBufferSizes ReplyBufferOf(const ClientState& client, const DebugSettings& debug,
                               UnixMillis now) {
  constexpr uint64_t kLeast = 1024;
  constexpr uint64_t kMost = 16 * 1024;
  const int64_t reset_ms = Relaxed(debug.reply_peak_reset_ms);
  const bool stale = reset_ms >= 0 && now - Relaxed(client.reply_peak_at) > reset_ms;
  const uint64_t peak = stale ? 0 : std::min(Relaxed(client.reply_peak), kMost);
  if (!Relaxed(debug.reply_resizing)) return {kMost, peak};
  return {std::clamp(peak + 1, kLeast, kMost), peak};
}

size_t DecimalDigits(size_t value) {
  char digits[24];
  return FormatInt64(static_cast<int64_t>(value), digits);
}

// The bytes of a command as a multibulk request.
size_t RequestBytes(std::span<const std::string_view> argv) {
  size_t bytes = 3 + DecimalDigits(argv.size());
  for (const std::string_view arg : argv) bytes += 5 + DecimalDigits(arg.size()) + arg.size();
  return bytes;
}

size_t ArgumentBytes(std::span<const std::string_view> argv) {
  size_t bytes = 0;
  for (const std::string_view arg : argv) bytes += arg.size();
  return bytes;
}

// What the command under way adds to what is kept for a client; nothing: none is.
struct UnderWay {
  uint64_t query = 0;
  uint64_t arguments = 0;
};

void AppendLine(const ClientState& client, const std::optional<UnderWay>& under_way,
                const DebugSettings& debug, UnixMillis now, std::string& out) {
  const uint64_t query = under_way ? under_way->query : Relaxed(client.query_buffer);
  const uint64_t query_free = Relaxed(client.query_buffer_free);
  const uint64_t arguments = under_way ? under_way->arguments : 0;
  const uint64_t queued = Relaxed(client.multi_bytes);
  const uint64_t behind = Relaxed(client.behind);  // Of a follower.
  const uint64_t output = under_way ? 0 : Relaxed(client.output_buffer) + behind;
  const uint64_t total =
      Relaxed(client.total_memory) + behind + (under_way ? query + arguments : 0);
  const bool in_multi = Relaxed(client.in_multi);
  const auto replies = ReplyBufferOf(client, debug, now);
  const auto to = std::back_inserter(out);
  const std::lock_guard lock(client.mu);
  fmt::format_to(to, "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={}",
                 client.id, client.address, client.local_address, client.fd, client.name,
                 (now - client.created_at) / 1000, (now - Relaxed(client.last_interaction)) / 1000,
                 Flags(client), Relaxed(client.db));
  fmt::format_to(to, " sub={} psub={} ssub={} multi={}", Relaxed(client.channels),
                 Relaxed(client.patterns), Relaxed(client.shard_channels),
                 in_multi ? Relaxed(client.queued_commands) : -1);
  fmt::format_to(to, " qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={}", query,
                 query_free, arguments, queued, replies.size, replies.peak);
  fmt::format_to(to, " obl=0 oll={} omem={} tot-mem={} events={} cmd={} user={} redir={} resp={}",
                 output > 0 ? 1 : 0, output, total, output > 0 ? "rw" : "r", LastCommand(client),
                 client.user, RedirectionOf(client), Relaxed(client.protocol));
  fmt::format_to(to, " lib-name={} lib-ver={}\n", client.library_name, client.library_version);
}

}  // namespace

ClientType TypeOf(const ClientState& client) {
  switch (Relaxed(client.client_class)) {
    case ClientClass::kMaster:
      return ClientType::kMaster;
    case ClientClass::kReplica:
      return ClientType::kReplica;
    case ClientClass::kNormal:
      break;
  }
  const bool subscribed = Relaxed(client.channels) > 0 || Relaxed(client.patterns) > 0 ||
                          Relaxed(client.shard_channels) > 0;
  return subscribed ? ClientType::kPubsub : ClientType::kNormal;
}

std::optional<ClientType> ParseClientType(std::string_view word) {
  if (EqualsIgnoreCase(word, "normal")) return ClientType::kNormal;
  if (EqualsIgnoreCase(word, "master")) return ClientType::kMaster;
  if (EqualsIgnoreCase(word, "replica")) return ClientType::kReplica;
  if (EqualsIgnoreCase(word, "slave")) return ClientType::kReplica;
  if (EqualsIgnoreCase(word, "pubsub")) return ClientType::kPubsub;
  return std::nullopt;
}

void AppendClientLine(const ClientState& client, const CommandContext& asked, std::string& out) {
  std::optional<UnderWay> under_way;
  if (&client == &asked.client) {
    under_way = {.query = RequestBytes(asked.argv), .arguments = ArgumentBytes(asked.argv)};
  }
  AppendLine(client, under_way, asked.services.control().debug(), asked.keyspace.now(), out);
}

void AppendClientLine(const ClientState& client, const DebugSettings& debug, UnixMillis now,
                      std::string& out) {
  AppendLine(client, std::nullopt, debug, now, out);
}

bool FitsClientLine(std::string_view text) {
  for (const char c : text) {
    if (c < '!' || c > '~') return false;
  }
  return true;
}

}  // namespace henge::commands
