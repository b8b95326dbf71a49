// SPDX-License-Identifier: Apache-2.0
// Command sequences against a whole node, over a socket pair. The input chooses commands from the
// table (so that every command is known to the fuzzer) and arguments from a few pools in which
// commands meet: few keys, edge-case numbers, option words taken from the rows' syntax.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"
#include "commands/introspection/docs_reply.h"
#include "net/worker.h"
#include "server/config/config.h"
#include "server/node.h"

namespace {

using henge::commands::CommandInfo;
using henge::commands::CommandTable;

// Ends the process, would hang the fuzzer, or writes files.
bool Excluded(std::string_view name) {
  for (const std::string_view bad : {"shutdown", "debug", "wait", "waitaof", "client|pause",
                                     "client|reply", "monitor", "quit", "config|rewrite", "save",
                                     "bgsave", "bgrewriteaof"}) {
    if (name == bad) return true;
  }
  return false;
}

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }
  size_t Below(size_t n) { return n == 0 ? 0 : Byte() % n; }

 private:
  const uint8_t* data_;
  size_t size_;
  size_t at_ = 0;
};

// All tokens among the arguments.
void AppendTokens(const std::vector<henge::commands::Argument>& arguments,
                  std::vector<std::string>& tokens) {
  for (const auto& argument : arguments) {
    if (!argument.token.empty()) tokens.push_back(argument.token);
    AppendTokens(argument.arguments, tokens);
  }
}

std::string RandomArgument(Input& in, const std::vector<std::string>& options) {
  static constexpr std::string_view kNumbers[] = {"0",
                                                  "1",
                                                  "-1",
                                                  "2",
                                                  "10",
                                                  "9223372036854775807",
                                                  "-9223372036854775808",
                                                  "4294967295",
                                                  "1.5",
                                                  "inf",
                                                  "nan",
                                                  "99999",
                                                  "-100",
                                                  "u8",
                                                  "i64",
                                                  "#3"};
  static constexpr std::string_view kKeys[] = {"a", "b", "{t}1", "{t}2"};
  switch (in.Below(6)) {
    case 0:
    case 1:
      return std::string(kKeys[in.Below(4)]);
    case 2:
    case 3:
      return std::string(kNumbers[in.Below(16)]);
    case 4:
      if (!options.empty()) return options[in.Below(options.size())];
      [[fallthrough]];
    default:
      return std::string(in.Below(64) == 1 ? 20'000 : in.Below(90), static_cast<char>(in.Byte()));
  }
}

std::string Encode(const std::vector<std::string>& args) {
  std::string out = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    out += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return out;
}

// One worker, and no port: the fuzzer hands it its sockets.
std::unique_ptr<henge::server::Config> SmallConfig() {
  auto config = std::make_unique<henge::server::Config>();
  if (!config->LoadText("port 0\nio-threads 1\nsave \"\"\ndbfilename none.rdb\n", "fuzzer").ok()) std::abort();
  return config;
}

class Harness {
 public:
  Harness() : node_(SmallConfig()) {
    if (!node_.Start().ok()) std::abort();
  }

  void Run(Input in) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    if (fcntl(fds[1], F_SETFL, O_NONBLOCK) != 0) std::abort();
    node_.workers()[0]->Adopt(fds[1], "fuzz:0", "fuzz:0", true);
    std::string stream = Encode({"FLUSHALL"});
    const auto commands = CommandTable::Get().all();
    for (int i = 0; i < 40 && !in.empty(); ++i) {
      const CommandInfo& info = commands[(in.Byte() * 256u + in.Byte()) % commands.size()];
      if (Excluded(info.full_name)) continue;
      std::vector<std::string> args;
      if (info.container != nullptr) args.emplace_back(info.container->name);
      args.emplace_back(info.spec->name);
      std::vector<std::string> options;
      AppendTokens(henge::commands::ArgumentsOf(info), options);
      const int arity = std::abs(info.spec->arity);
      const size_t more = in.Below(4);
      while (args.size() < static_cast<size_t>(arity) + more) {
        args.push_back(RandomArgument(in, options));
      }
      // In a transaction nobody waits.
      const bool waits = (info.spec->flags & henge::commands::kBlocking) != 0;
      if (waits) stream += Encode({"MULTI"});
      stream += Encode(args);
      if (waits) stream += Encode({"EXEC"});
    }
    stream += Encode({"QUIT"});
    Exchange(fds[0], stream);
    close(fds[0]);
  }

 private:
  // Writes all, reading meanwhile, until the server closes.
  static void Exchange(int fd, std::string_view stream);

  henge::server::Node node_;
};

void Harness::Exchange(int fd, std::string_view stream) {
  char buffer[65536];
  while (true) {
    pollfd poller{fd, static_cast<int16_t>(POLLIN | (stream.empty() ? 0 : POLLOUT)), 0};
    if (poll(&poller, 1, 30'000) <= 0) std::abort();  // The node hangs.
    if ((poller.revents & POLLIN) != 0) {
      if (read(fd, buffer, sizeof(buffer)) <= 0) return;
    } else if ((poller.revents & POLLOUT) != 0) {
      const ssize_t n = send(fd, stream.data(), stream.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) stream.remove_prefix(static_cast<size_t>(n));
    } else {
      return;
    }
  }
}

}  // namespace

// Entries are reached through tagged and unaligned pointers, which the leak checker can't follow
// while the node lives; the unit tests, which take their stores down, check for leaks.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* harness = new Harness;
  if (size > 4096) return 0;
  harness->Run(Input(data, size));
  return 0;
}
