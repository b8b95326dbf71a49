// SPDX-License-Identifier: Apache-2.0
#include "replication/follower_protocol.h"

#include <absl/strings/str_split.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"
#include "persistence/rdb/rdb_format.h"
#include "replication/history.h"
#include "replication/stream_messages.h"

namespace henge::replication {
namespace {

constexpr size_t kLongestLine = 1024;
constexpr size_t kMarkBytes = 40;

std::string Command(std::initializer_list<std::string_view> words) {
  std::string out = fmt::format("*{}\r\n", words.size());
  for (const std::string_view word : words) out += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return out;
}

bool IsId(std::string_view text) {
  return text.size() == History::kIdDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::Status Unexpected(std::string_view what, std::string_view line) {
  return absl::InvalidArgumentError(
      fmt::format("unexpected answer to {}: '{}'", what, line.substr(0, 128)));
}

// Errors that pass by themselves.
bool IsTransient(std::string_view line) {
  return line.starts_with("-NOMASTERLINK") || line.starts_with("-LOADING") ||
         line.starts_with("-MASTERDOWN") || line.starts_with("-BUSY");
}

}  // namespace

FollowerProtocol::FollowerProtocol(FollowerIntroduction introduction)
    : introduction_(std::move(introduction)) {
  Ask(Step::kPing);
}

void FollowerProtocol::Ask(Step step) {
  const FollowerIntroduction& me = introduction_;
  if (step == Step::kAuth && me.password.empty()) step = Step::kPort;
  if (step == Step::kAddress && me.address.empty()) step = Step::kCapabilities;
  if (step == Step::kStream && !me.wants_stream) step = Step::kPsync;
  step_ = step;
  switch (step) {
    case Step::kPing:
      output_ += Command({"PING"});
      break;
    case Step::kAuth:
      output_ += me.user.empty() ? Command({"AUTH", me.password})
                                 : Command({"AUTH", me.user, me.password});
      break;
    case Step::kPort:
      output_ += Command({"REPLCONF", "listening-port", std::to_string(me.port)});
      break;
    case Step::kAddress:
      output_ += Command({"REPLCONF", "ip-address", me.address});
      break;
    case Step::kCapabilities:
      output_ += Command({"REPLCONF", "capa", "eof", "capa", "psync2", "capa",
                          fmt::format("rdb-{}", persistence::kRdbNewestVersion)});
      break;
    case Step::kStream:
      output_ += Command({"REPLCONF", "henge-stream", std::to_string(kStreamVersion)});
      break;
    case Step::kPsync:
      output_ += me.history_id.empty() ? Command({"PSYNC", "?", "-1"})
                 : me.failover
                     ? Command({"PSYNC", me.history_id, std::to_string(me.next_offset), "FAILOVER"})
                     : Command({"PSYNC", me.history_id, std::to_string(me.next_offset)});
      break;
    case Step::kDone:
      break;
  }
}

absl::Status FollowerProtocol::Receive(std::string_view bytes, Listener& listener) {
  while (!bytes.empty()) {
    if (phase_ == Phase::kStream) return listener.OnStream(bytes);
    if (phase_ == Phase::kPayload) {
      if (absl::Status status = TakePayload(bytes, listener); !status.ok()) return status;
      continue;
    }
    const size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > kLongestLine) return Unexpected("the handshake", line_);
    if (end == std::string_view::npos) return absl::OkStatus();
    bytes.remove_prefix(end + 1);
    std::string line = std::exchange(line_, {});
    if (line.ends_with('\r')) line.pop_back();
    // Empty lines are sent so that nobody takes who works for dead.
    if (line.empty()) continue;
    if (absl::Status status = OnLine(line, listener); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FollowerProtocol::OnLine(std::string_view line, Listener& listener) {
  if (phase_ == Phase::kInvited) return Unexpected("nothing", line);
  if (phase_ == Phase::kWaiting) return OnPayloadHead(line);
  if (step_ == Step::kPsync) return OnPsyncAnswer(line, listener);
  return OnAnswer(line);
}

absl::Status FollowerProtocol::OnAnswer(std::string_view line) {
  const bool error = line.starts_with('-');
  if (!error && !line.starts_with('+')) return Unexpected("the handshake", line);
  switch (step_) {
    case Step::kPing:
      // Who wants a password says so here, and hears it next.
      if (error && !line.starts_with("-NOAUTH") && !line.starts_with("-NOPERM") &&
          !line.starts_with("-ERR operation not permitted")) {
        return absl::UnavailableError(Absl(line.substr(1)));
      }
      Ask(Step::kAuth);
      break;
    case Step::kAuth:
      if (error) {
        return absl::PermissionDeniedError(fmt::format("Unable to AUTH to MASTER: {}", line));
      }
      Ask(Step::kPort);
      break;
    case Step::kPort:  // Who does not understand these three serves all the same.
      Ask(Step::kAddress);
      break;
    case Step::kAddress:
      Ask(Step::kCapabilities);
      break;
    case Step::kCapabilities:
      Ask(Step::kStream);
      break;
    default:
      return OnStreamAnswer(line);
  }
  return absl::OkStatus();
}

// A Redis does not understand the question.
absl::Status FollowerProtocol::OnStreamAnswer(std::string_view line) {
  const std::vector<std::string> words = absl::StrSplit(Absl(line), ' ', absl::SkipEmpty());
  const std::optional<int64_t> port =
      words.size() == 3 && words[0] == "+STREAM" ? ParseInt64(words[1]) : std::nullopt;
  if (!port || *port <= 0 || *port > 65535) {
    if (introduction_.stream_only) return absl::UnavailableError("it serves no streams now");
    Ask(Step::kPsync);
    return absl::OkStatus();
  }
  invitation_ = {static_cast<int>(*port), words[2]};
  step_ = Step::kDone;
  phase_ = Phase::kInvited;
  return absl::OkStatus();
}

absl::Status FollowerProtocol::OnPsyncAnswer(std::string_view line, Listener& listener) {
  if (line.starts_with('-')) {
    return IsTransient(line) ? absl::UnavailableError(Absl(line.substr(1)))
                             : absl::PermissionDeniedError(Absl(line.substr(1)));
  }
  const std::vector<std::string> words = absl::StrSplit(Absl(line), ' ', absl::SkipEmpty());
  if (words.size() == 3 && words[0] == "+FULLRESYNC") {
    const std::optional<int64_t> offset = ParseInt64(words[2]);
    if (!IsId(words[1]) || !offset || *offset < 0) return Unexpected("PSYNC", line);
    step_ = Step::kDone;
    phase_ = Phase::kWaiting;
    return listener.OnFullSync(words[1], *offset);
  }
  if (!words.empty() && words.size() <= 2 && words[0] == "+CONTINUE") {
    if (introduction_.history_id.empty()) return Unexpected("PSYNC without a history", line);
    if (words.size() == 2 && !IsId(words[1])) return Unexpected("PSYNC", line);
    step_ = Step::kDone;
    phase_ = Phase::kStream;
    return listener.OnContinue(words.size() == 2 ? words[1] : introduction_.history_id);
  }
  return Unexpected("PSYNC", line);
}

absl::Status FollowerProtocol::OnPayloadHead(std::string_view line) {
  if (line.starts_with('-')) return absl::UnavailableError(Absl(line.substr(1)));
  if (line.starts_with("$EOF:") && line.size() == 5 + kMarkBytes) {
    end_mark_ = line.substr(5);
    remaining_ = total_ = -1;
  } else {
    const std::optional<int64_t> length =
        line.starts_with('$') ? ParseInt64(line.substr(1)) : std::nullopt;
    if (!length || *length < 0) return Unexpected("the payload's head", line);
    remaining_ = total_ = *length;
  }
  phase_ = Phase::kPayload;
  return absl::OkStatus();
}

absl::Status FollowerProtocol::TakePayload(std::string_view& bytes, Listener& listener) {
  if (end_mark_.empty()) {
    const std::string_view part = bytes.substr(0, static_cast<size_t>(remaining_));
    bytes.remove_prefix(part.size());
    remaining_ -= static_cast<int64_t>(part.size());
    if (absl::Status status = listener.OnPayload(part, total_); !status.ok()) return status;
    if (remaining_ > 0) return absl::OkStatus();
  } else {
    // Nothing follows the mark before it is acknowledged, so it is what came last.
    tail_ += bytes;
    bytes = {};
    const size_t ready = tail_.size() - std::min(tail_.size(), kMarkBytes);
    const absl::Status status = listener.OnPayload(std::string_view(tail_).substr(0, ready), -1);
    tail_.erase(0, ready);
    if (!status.ok() || tail_ != end_mark_) return status;
  }
  phase_ = Phase::kStream;
  return listener.OnPayloadEnd();
}

}  // namespace henge::replication
