// SPDX-License-Identifier: Apache-2.0
#include "server/slowlog.h"

#include <algorithm>

namespace henge::server {
namespace {

// As Redis: an entry shows 32 arguments of 128 bytes and says how much it left out.
constexpr size_t kMaxArgs = 32;
constexpr size_t kMaxArgBytes = 128;

std::string Shown(std::string_view arg) {
  if (arg.size() <= kMaxArgBytes) return std::string(arg);
  std::string text(arg.substr(0, kMaxArgBytes));
  return text + "... (" + std::to_string(arg.size() - kMaxArgBytes) + " more bytes)";
}

}  // namespace

void Slowlog::Enter(std::span<const std::string_view> argv, uint64_t us, int64_t unix_seconds,
                    const commands::ClientState& client) {
  commands::SlowlogEntry entry;
  entry.unix_seconds = unix_seconds;
  entry.micros = static_cast<int64_t>(us);
  entry.client_address = client.address;
  {
    std::lock_guard lock(client.mu);
    entry.client_name = client.name;
  }
  const size_t shown = std::min(argv.size(), kMaxArgs);
  for (size_t i = 0; i < shown; ++i) {
    if (i + 1 == shown && argv.size() > kMaxArgs) {
      entry.args.push_back("... (" + std::to_string(argv.size() - kMaxArgs + 1) +
                           " more arguments)");
    } else {
      entry.args.push_back(Shown(argv[i]));
    }
  }
  std::lock_guard lock(mu_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  const auto max = static_cast<size_t>(std::max<int64_t>(0, max_entries.load()));
  while (entries_.size() > max) entries_.pop_back();
}

std::vector<commands::SlowlogEntry> Slowlog::Newest(int64_t count) const {
  std::lock_guard lock(mu_);
  const size_t n = count < 0 ? entries_.size() : std::min<size_t>(entries_.size(), count);
  return {entries_.begin(), entries_.begin() + static_cast<ptrdiff_t>(n)};
}

int64_t Slowlog::size() const {
  std::lock_guard lock(mu_);
  return static_cast<int64_t>(entries_.size());
}

void Slowlog::Clear() {
  std::lock_guard lock(mu_);
  entries_.clear();
}

}  // namespace henge::server
