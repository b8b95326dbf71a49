// SPDX-License-Identifier: Apache-2.0
#include "server/migrate/delivery.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/clock.h"

namespace henge::server {
namespace {

using commands::KeyMove;

constexpr std::string_view kNotWritten = "IOERR error or timeout writing to target instance";
constexpr std::string_view kNotRead = "IOERR error or timeout reading to target instance";

void Append(std::string& out, std::span<const std::string_view> words) {
  out += "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

void Append(std::string& out, std::initializer_list<std::string_view> words) {
  Append(out, std::span(words.begin(), words.size()));
}

void AppendParcel(std::string& out, const KeyMove& move, bool in_cluster, const Parcel& parcel) {
  if (parcel.kind == Parcel::Kind::kGone) {
    if (in_cluster) Append(out, {"ASKING"});
    return Append(out, {"DEL", parcel.key->name});
  }
  const UnixMillis expiry = parcel.key->expiry;
  const int64_t left =
      expiry == kNoExpiry ? 0 : std::max<int64_t>(1, expiry - SystemClock().NowMillis());
  const std::string ttl = std::to_string(left);
  const std::string_view restore = in_cluster ? "RESTORE-ASKING" : "RESTORE";
  if (move.replace || parcel.kind == Parcel::Kind::kNewer) {
    Append(out, {restore, parcel.key->name, ttl, parcel.key->payload, "REPLACE"});
  } else {
    Append(out, {restore, parcel.key->name, ttl, parcel.key->payload});
  }
}

// One try. What the other end answered with an error stands in `refusal`.
class Exchange {
 public:
  Exchange(TargetLink& link, const KeyMove& move, bool in_cluster, std::span<Parcel> parcels)
      : link_(link), move_(move), in_cluster_(in_cluster), parcels_(parcels) {}

  bool answered() const { return answered_; }  // A parcel, at least.
  bool wrote() const { return wrote_; }
  const std::string& refusal() const { return refusal_; }

  absl::Status Run() {
    const bool select = link_.db != move_.db;
    if (absl::Status status = link_.Write(Request(select), move_.timeout_ms); !status.ok()) {
      return status;
    }
    wrote_ = true;
    if (move_.password) {
      if (absl::Status status = ReadReply(); !status.ok()) return status;
    }
    if (select) {
      if (absl::Status status = ReadReply(); !status.ok()) return status;
    }
    const bool let_in = refusal_.empty();
    for (Parcel& parcel : parcels_) {
      bool good = true;
      const bool asked = in_cluster_ && parcel.kind == Parcel::Kind::kGone;
      for (int replies = asked ? 2 : 1; replies > 0; --replies) {
        if (absl::Status status = ReadReply(&good); !status.ok()) return status;
      }
      answered_ = true;
      parcel.arrived = good && let_in;
    }
    link_.db = refusal_.empty() ? move_.db : -1;
    return absl::OkStatus();
  }

 private:
  std::string Request(bool select) const {
    std::string out;
    if (move_.user) {
      Append(out, {"AUTH", *move_.user, *move_.password});
    } else if (move_.password) {
      Append(out, {"AUTH", *move_.password});
    }
    if (select) Append(out, {"SELECT", std::to_string(move_.db)});
    for (const Parcel& parcel : parcels_) AppendParcel(out, move_, in_cluster_, parcel);
    return out;
  }

  absl::Status ReadReply(bool* good = nullptr) {
    absl::StatusOr<std::string> line = link_.ReadLine(move_.timeout_ms);
    if (!line.ok()) return line.status();
    if (!line->starts_with('-')) return absl::OkStatus();
    if (refusal_.empty()) refusal_ = line->substr(1);
    if (good != nullptr) *good = false;
    return absl::OkStatus();
  }

  TargetLink& link_;
  const KeyMove& move_;
  const bool in_cluster_;
  const std::span<Parcel> parcels_;
  bool wrote_ = false;
  bool answered_ = false;
  std::string refusal_;
};

}  // namespace

std::string Deliver(TargetLink& link, const KeyMove& move, bool in_cluster,
                    std::span<Parcel> parcels) {
  for (bool again = true;; again = false) {
    if (!link.open()) {
      const absl::Status opened = link.Open(move.host, move.port, move.timeout_ms);
      if (absl::IsUnavailable(opened)) return std::string(kNotWritten);  // As Redis learns it.
      if (!opened.ok()) return "IOERR error or timeout connecting to the client";
    }
    Exchange exchange(link, move, in_cluster, parcels);
    const absl::Status status = exchange.Run();
    if (!exchange.refusal().empty() && (status.ok() || exchange.answered())) {
      return "ERR Target instance replied with error: " + exchange.refusal();
    }
    if (status.ok()) return {};
    link.Close();
    if (again && !exchange.answered() && !absl::IsDeadlineExceeded(status)) continue;
    return std::string(exchange.wrote() ? kNotRead : kNotWritten);
  }
}

}  // namespace henge::server
