// SPDX-License-Identifier: Apache-2.0
#include "server/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace henge::server {
namespace {

// Beyond the clients': listeners, logs, the bus. Where there are few in all, half of them.
constexpr rlim_t kSpare = 128;
constexpr int64_t kMostPrepared = 65'536;

bool SetLimit(rlim_t soft, rlim_t hard) {
  const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int64_t RaiseLimit(int64_t clients) {
  const rlim_t wanted = static_cast<rlim_t>(clients) + kSpare;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return clients;
  if (SetLimit(wanted, std::max(wanted, limit.rlim_max))) return clients;
  // Beyond the hard limit only the privileged may go.
  if (limit.rlim_cur < limit.rlim_max && SetLimit(limit.rlim_max, limit.rlim_max)) {
    limit.rlim_cur = limit.rlim_max;
  }
  return static_cast<int64_t>(limit.rlim_cur - std::min(kSpare, limit.rlim_cur / 2));
}

// The kernel's table of descriptors doubles when it is full, and where threads share it each
// doubling waits for all processors: too long in the midst of a storm of connections. So the
// highest descriptor is taken once.
void PrepareTable(int64_t clients) {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const int highest =
      fcntl(fd, F_DUPFD_CLOEXEC, static_cast<int>(std::min(clients, kMostPrepared)));
  if (highest >= 0) close(highest);
  close(fd);
}

}  // namespace

int64_t MakeRoomForClients(int64_t clients) {
  const int64_t possible = RaiseLimit(clients);
  PrepareTable(possible);
  return possible;
}

}  // namespace henge::server
