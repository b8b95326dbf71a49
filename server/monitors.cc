// SPDX-License-Identifier: Apache-2.0
#include "server/monitors.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "net/worker.h"
#include "server/session.h"

namespace henge::server {
namespace {

// In quotes, with escapes for what is no printable ASCII: the notation that redis-cli reads.
void AppendQuoted(std::string_view bytes, std::string& out) {
  out += '"';
  for (const char c : bytes) {
    switch (c) {
      case '\\':
      case '"':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (c >= ' ' && c <= '~') {
          out += c;
        } else {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        }
    }
  }
  out += '"';
}

}  // namespace

void AppendMonitorLine(int64_t unix_us, DbIndex db, std::string_view source,
                       std::span<const std::string_view> argv, std::string& out) {
  fmt::format_to(std::back_inserter(out), "+{}.{:06} [{} {}]", unix_us / 1'000'000,
                 unix_us % 1'000'000, db, source);
  for (const std::string_view arg : argv) {
    out += ' ';
    AppendQuoted(arg, out);
  }
  out += "\r\n";
}

std::string MonitorSource(const commands::ClientState& client) {
  if (!client.unix_socket) return client.address;
  return "unix:" + client.address.substr(0, client.address.rfind(':'));
}

Monitors::Outbox* Monitors::Find(const net::Worker& worker) {
  const auto found = std::find_if(outboxes_.begin(), outboxes_.end(),
                                  [&](const Outbox& outbox) { return outbox.worker == &worker; });
  return found == outboxes_.end() ? nullptr : &*found;
}

void Monitors::Publish(std::string_view lines) {
  std::vector<net::Worker*> to_wake;
  {
    const std::lock_guard lock(mu_);
    for (Outbox& outbox : outboxes_) {
      if (outbox.lines.empty()) to_wake.push_back(outbox.worker);
      outbox.lines += lines;
    }
  }
  for (net::Worker* worker : to_wake) {
    worker->Post([this, worker] { Deliver(*worker); });
  }
}

void Monitors::Deliver(net::Worker& worker) {
  std::string lines;
  std::vector<Session*> sessions;  // They end on this thread only.
  {
    const std::lock_guard lock(mu_);
    Outbox* outbox = Find(worker);
    if (outbox == nullptr) return;
    lines.swap(outbox->lines);
    sessions = outbox->sessions;
  }
  for (Session* session : sessions) session->Push(lines);
}

void Monitors::Add(Session& session) {
  net::Worker& worker = session.connection().worker();
  Deliver(worker);  // What happened before is not for the newcomer.
  const std::lock_guard lock(mu_);
  Outbox* outbox = Find(worker);
  if (outbox == nullptr) {
    outboxes_.push_back({.worker = &worker, .sessions = {}, .lines = {}});
    outbox = &outboxes_.back();
  }
  if (std::find(outbox->sessions.begin(), outbox->sessions.end(), &session) !=
      outbox->sessions.end()) {
    return;
  }
  outbox->sessions.push_back(&session);
  count_.fetch_add(1, std::memory_order_relaxed);
}

void Monitors::Remove(Session& session) {
  const std::lock_guard lock(mu_);
  Outbox* outbox = Find(session.connection().worker());
  if (outbox == nullptr || std::erase(outbox->sessions, &session) == 0) return;
  count_.fetch_sub(1, std::memory_order_relaxed);
  if (outbox->sessions.empty()) outboxes_.erase(outboxes_.begin() + (outbox - outboxes_.data()));
}

}  // namespace henge::server
