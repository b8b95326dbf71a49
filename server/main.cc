// SPDX-License-Identifier: Apache-2.0
// henge-server: one node.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "base/memory.h"
#include "base/numbers.h"
#include "server/node.h"

namespace {

henge::server::NodeOptions ReadFlags(int argc, char** argv) {
  henge::server::NodeOptions options;
  options.listen.port = 6379;
  options.listen.bind = {"127.0.0.1", "-::1"};
  options.io_threads = static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--port")
      options.listen.port = static_cast<int>(henge::ParseInt64(argv[i + 1]).value_or(0));
    if (name == "--bind") options.listen.bind = {argv[i + 1]};
    if (name == "--io-threads")
      options.io_threads = static_cast<int>(henge::ParseInt64(argv[i + 1]).value_or(0));
    if (name == "--cluster-enabled")
      options.cluster_enabled = argv[i + 1] == std::string_view("yes");
    if (name == "--maxmemory") {
      options.max_memory = static_cast<uint64_t>(henge::ParseMemory(argv[i + 1]).value_or(0));
    }
    if (name == "--maxmemory-policy") {
      options.eviction_policy = henge::store::ParseEvictionPolicy(argv[i + 1])
                                    .value_or(henge::store::EvictionPolicy::kNoEviction);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  // Signals are taken by the main thread alone; workers inherit the block.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  const henge::ThreadMemory memory;
  henge::server::Node node(ReadFlags(argc, argv));
  if (const absl::Status status = node.Start(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::thread waiter([&] {
    int caught = 0;
    sigwait(&signals, &caught);
    node.RequestShutdown();
  });
  node.WaitForShutdown();
  pthread_kill(waiter.native_handle(), SIGTERM);
  waiter.join();
  return 0;
}
