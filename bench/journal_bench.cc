// SPDX-License-Identifier: Apache-2.0
// What a write pays for the journal: google benchmark. Time is wall clock for one write.
//
// BM_Append: one SET of a 16-byte key, by one and more threads, while a reader follows.
// BM_Commit: so many SETs at once, each of which waits until it is durable (appendfsync always), in
// a file in the working directory. BM_Sync beside it: what the disk needs for one write and sync.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "persistence/aof/aof_writer.h"
#include "persistence/journal/commit_gate.h"
#include "persistence/journal/doorbell.h"
#include "persistence/journal/journal.h"

namespace henge::persistence {
namespace {

// A journal that is read, every 100 µs.
class Followed {
 public:
  Followed() : reader_(journal_.AttachAtEnd({.mandatory = true})) {
    thread_ = std::thread([this] {
      while (!stop_) {
        reader_->Release(reader_->Read(uint64_t{64} << 20).end());
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    });
  }
  ~Followed() {
    stop_ = true;
    thread_.join();
  }
  Journal& journal() { return journal_; }

 private:
  Journal journal_{JournalLimits{.room_bytes = uint64_t{1} << 30}};
  std::unique_ptr<JournalReader> reader_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

void BM_Append(benchmark::State& state) {
  static Followed followed;
  const std::string value(static_cast<size_t>(state.range(0)), 'x');
  const std::array<std::string_view, 3> words = {"SET", "key:000000000001", value};
  const std::array<Effect, 1> unit = {Effect{0, words}};
  for (auto _ : state) {
    while (!followed.journal().HasRoom()) std::this_thread::yield();
    benchmark::DoNotOptimize(followed.journal().Append(unit, 1));
    followed.journal().WakeReaders();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Append)->Arg(3)->Arg(32)->Arg(256)->Arg(4096)->ThreadRange(1, 2)->UseRealTime();

std::string FolderHere() { return "journal_bench.aof"; }

void RemoveFolder() {
  const std::string folder = FolderHere();
  FileSystem& files = PosixFileSystem();
  for (const std::string& name : files.List(folder).value_or(std::vector<std::string>{})) {
    files.Remove(JoinPath(folder, name)).IgnoreError();
  }
  rmdir(folder.c_str());
}

void BM_Sync(benchmark::State& state) {
  const std::string path = FolderHere() + ".sync";
  auto file = PosixFileSystem().Open(path, FileSystem::Opening::kCreateOrEmpty);
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  const std::string_view pieces[] = {bytes};
  for (auto _ : state) {
    if (!(*file)->Append(pieces).status.ok() || !(*file)->Sync().ok()) {
      state.SkipWithError("the disk fails");
    }
  }
  PosixFileSystem().Remove(path).IgnoreError();
}
BENCHMARK(BM_Sync)->Arg(80)->Arg(4000)->UseRealTime();

void BM_Commit(benchmark::State& state) {
  Journal journal({});
  CommitGate gate;
  Doorbell bell;
  CommitQueue queue(gate, CommitNeed(CommitMark::kDurable), [&] { bell.Ring(); });
  AofWriter writer(AofFiles(PosixFileSystem(), FolderHere(), "a"), journal, &gate, SystemClock(),
                   {.policy = FsyncPolicy::kAlways});
  if (!writer.Start().ok()) state.SkipWithError("no file");
  const std::string value(32, 'x');
  const std::array<std::string_view, 3> words = {"SET", "key:000000000001", value};
  const std::array<Effect, 1> unit = {Effect{0, words}};
  const auto clients = static_cast<size_t>(state.range(0));
  size_t waiting = 0;
  for (auto _ : state) {
    queue.Hold(journal.Append(unit), 1);
    if (++waiting < clients) continue;  // The others go on until all wait.
    journal.WakeReaders();
    while (waiting == clients && bell.Wait(std::chrono::seconds(10))) {
      waiting -= queue.Release([](uint64_t) {});
    }
  }
  state.SetItemsProcessed(state.iterations());
  writer.Stop().IgnoreError();
  RemoveFolder();
}
BENCHMARK(BM_Commit)->Arg(1)->Arg(50)->Arg(800)->UseRealTime();

}  // namespace
}  // namespace henge::persistence
