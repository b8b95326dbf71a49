// SPDX-License-Identifier: Apache-2.0
// DatasetLoader: what the node finds on disk when it starts, into the store: the append-only file
// if that is on and there is one, else the RDB file.
//
// A thread of its own drives it and ends with it; commands are refused meanwhile (-LOADING). What
// can't be loaded ends the process, and nothing on disk is touched.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "base/types.h"
#include "persistence/load/rdb_loader.h"

namespace henge::server {

class Node;

class DatasetLoader {
 public:
  explicit DatasetLoader(Node& node) : node_(node) {}
  ~DatasetLoader() { Stop(); }
  DatasetLoader(const DatasetLoader&) = delete;
  DatasetLoader& operator=(const DatasetLoader&) = delete;

  // Begins. Where there is nothing to load, it is over when this returns. REQUIRES: nobody is
  // served yet. Once.
  absl::Status Start();
  // Whatever is being loaded, by whichever thread, is given up: the node ends, and is to leave on
  // disk what was there. Nothing is loaded afterwards.
  void Stop();
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  // Loads the RDB file while the caller holds every shard's lock, for DEBUG RELOAD. With `merge`,
  // keys and libraries that are there give way.
  absl::Status LoadLocked(const store::LockSet& held, bool merge);
  // The same with the append-only file, whose end is not cut: for DEBUG LOADAOF.
  absl::Status LoadAofLocked(const store::LockSet& held);

  // At run time: all data gives way to the file's; commands are refused meanwhile, and until
  // EndReplacing. What expired stays if this is a follower. No shard may be locked.
  absl::StatusOr<persistence::RdbLoaded> Replace(const std::string& path);
  void EndReplacing();
  // The same, while what is here goes on being served: into a store of its own, which `aside` is
  // then. A failure has changed nothing.
  absl::StatusOr<persistence::RdbLoaded> LoadAside(const std::string& path,
                                                   std::unique_ptr<store::Store>& aside);
  // At the moment that `held` holds: that takes the place of what is here. REQUIRES: `held` holds
  // every shard, nothing is being saved (store/aside.h).
  absl::Status TakeAside(const store::LockSet& held, store::Store& aside,
                         const persistence::RdbLoaded& loaded);
  // While all data is received and loaded aside. `known`: it is a newer state of what is here, so
  // that may be shown.
  void BeginAside(bool known) { (known ? serving_ : refusing_).fetch_add(1); }
  void EndAside(bool known) { (known ? serving_ : refusing_).fetch_sub(1); }

  bool loading() const { return loading_.load(std::memory_order_relaxed); }
  // Whether clients get nothing, as what is here is no data yet, or none of the history followed;
  bool refuses() const { return loading() || refusing_.load(std::memory_order_relaxed) > 0; }
  // whether they get what is here, and may not do what a load aside would undo.
  bool loads_aside() const { return serving_.load(std::memory_order_relaxed) > 0; }
  const persistence::LoadProgress& progress() const { return progress_; }
  UnixMillis started() const { return started_.load(std::memory_order_relaxed); }

 private:
  bool IsAnythingThere() const;
  void Run();
  absl::Status LoadAll();
  absl::StatusOr<persistence::RdbLoaded> LoadRdbFile(const std::string& path);
  absl::StatusOr<persistence::RdbLoaded> LoadKeys(const std::string& path, store::Store& into);
  void FlushAll();
  persistence::RdbLoadOptions Options() const;

  Node& node_;
  std::thread thread_;
  std::atomic<bool> loading_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<int> serving_{0};   // Loads aside, of a history that is known,
  std::atomic<int> refusing_{0};  // and of one that is not.
  std::atomic<UnixMillis> started_{0};
  persistence::LoadProgress progress_;
};

// Makes the libraries of functions that an RDB had. `held`: every shard is locked, by whom. With
// `replace`, those that are there give way; else that is an error.
absl::Status LoadLibraries(Node& node, const persistence::RdbLoaded& loaded,
                           const store::LockSet* held, bool replace);
// Logs what an RDB had and was left out.
void ReportLeftOut(const persistence::RdbLoaded& loaded, const persistence::LoadProgress& progress);

}  // namespace henge::server
