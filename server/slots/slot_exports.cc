// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_exports.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "base/memory.h"
#include "server/node.h"
#include "server/slots/slot_export.h"
#include "server/slots/slot_imports.h"
#include "server/slots/slot_sweeper.h"

namespace henge::server {
namespace {

using cluster::SlotMigrationReport;
using cluster::SlotMigrationState;

constexpr auto kStraysEvery = std::chrono::seconds(1);

}  // namespace

SlotExports::~SlotExports() { Stop(); }

void SlotExports::Begin() {
  thread_ = std::thread([this] { Run(); });
  pthread_setname_np(thread_.native_handle(), "slots");
}

void SlotExports::Stop() {
  stop_.store(true);
  {
    const std::lock_guard lock(mu_);
    for (const Job& job : jobs_) job->Cancel();
    asked_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// The oldest that is not over; null: there is none. REQUIRES: mu_ held.
SlotExports::Job SlotExports::Next() const {
  const auto next =
      std::find_if(jobs_.rbegin(), jobs_.rend(), [](const Job& job) { return !job->over(); });
  return next == jobs_.rend() ? nullptr : *next;
}

void SlotExports::Run() {
  const ThreadMemory memory;
  std::unique_lock lock(mu_);
  while (!stop_.load()) {
    const Job job = Next();
    if (job == nullptr) {
      lock.unlock();
      if (!up_to_date_) AwaitBarrier();
      CancelStrays();
      node_.slot_sweeper().ReviewNotes();
      lock.lock();
      asked_.wait_for(lock, kStraysEvery, [this] { return stop_.load() || Next() != nullptr; });
      continue;
    }
    lock.unlock();
    job->Run();
    lock.lock();
    Note(job->Report(), job->slots().count());
  }
}

void SlotExports::Note(const SlotMigrationReport& report, size_t slots) {
  counts_.sent_bytes += report.sent_bytes;
  if (report.state == SlotMigrationState::kSuccess) {
    ++counts_.succeeded;
    counts_.moved_slots += slots;
    counts_.last_pause_micros = report.pause_micros;
  } else {
    ++(report.state == SlotMigrationState::kCancelled ? counts_.cancelled : counts_.failed);
  }
  while (jobs_.size() > kRemembered && jobs_.back()->over()) jobs_.pop_back();
}

// What this node has of the topology since it was restarted may be older than what it did.
void SlotExports::AwaitBarrier() {
  up_to_date_ = node_.member()->AwaitBarrier().ok();
  if (up_to_date_) node_.slot_sweeper().Confirm();
}

// REQUIRES: no job is under way; nobody else begins one.
void SlotExports::CancelStrays() {
  if (node_.replication().part() != GroupPart::kLeads) return;
  const cluster::TopologyPtr topology = node_.cluster()->topology();
  for (const cluster::Migration& migration : topology->migrations()) {
    const cluster::Group* from = topology->FindGroup(migration.from);
    if (from == nullptr || from->leader != node_.cluster()->my_id()) continue;
    LogNotice("A migration of slots that nobody carries out is cancelled",
              {{"migration", migration.id}});
    node_.member()
        ->ProposeUntilKnown(
            cluster::CancelMigration{.id = migration.id},
            [this] { return node_.stopping() || node_.replication().part() != GroupPart::kLeads; })
        .IgnoreError();
  }
}

std::string SlotExports::Judge(const cluster::Topology& topology,
                               const cluster::SlotOrder& order) const {
  const cluster::NodeIndex target = topology.IndexOf(order.target);
  if (target == cluster::kNoNode) {
    return "ERR Unknown node " + order.target.str();
  }
  if (topology.GroupsLedBy(target).empty()) return "ERR Target node is not a master";
  const cluster::NodeId me = node_.cluster()->my_id();
  if (order.target == me) return "ERR Slots can't be migrated to the node that owns them";
  const cluster::SlotBits slots = cluster::BitsOf(order.slots);
  cluster::GroupIndex group = cluster::kNoGroup;
  for (int i = 0; i < kSlots; ++i) {
    const auto slot = static_cast<Slot>(i);
    if (!slots.test(slot)) continue;
    const cluster::Node* owner = topology.OwnerOf(slot);
    const std::string name = std::to_string(i);
    if (owner == nullptr || owner->id != me) return "ERR I'm not the owner of hash slot " + name;
    if (topology.MarkOf(slot) != nullptr) return "ERR Slot " + name + " is migrating key by key";
    if (group != cluster::kNoGroup && topology.GroupOfSlot(slot) != group) {
      return "ERR Slots of several shards can't be migrated together";
    }
    group = topology.GroupOfSlot(slot);
  }
  for (const Job& job : jobs_) {
    if (!job->over() && (job->slots() & slots).any()) {
      return "ERR Slots are being migrated already";
    }
  }
  return {};
}

std::string SlotExports::Start(std::vector<cluster::SlotOrder> orders) {
  const cluster::TopologyPtr topology = node_.cluster()->topology();
  const std::lock_guard lock(mu_);
  cluster::SlotBits all;
  size_t active = orders.size();
  for (const Job& job : jobs_) active += job->over() ? 0 : 1;
  if (active > kMostActive) return "ERR Too many slot migrations are under way";
  for (const cluster::SlotOrder& order : orders) {
    if (std::string error = Judge(*topology, order); !error.empty()) return error;
    const cluster::SlotBits slots = cluster::BitsOf(order.slots);
    if ((all & slots).any()) return "ERR Slots are specified twice";
    all |= slots;
  }
  for (const cluster::SlotOrder& order : orders) {
    jobs_.push_front(std::make_shared<SlotExport>(node_, order));
  }
  asked_.notify_all();
  return {};
}

void SlotExports::CancelAll() {
  const std::lock_guard lock(mu_);
  for (const Job& job : jobs_) {
    if (!job->over()) job->Cancel();
  }
}

std::vector<SlotMigrationReport> SlotExports::Report() const {
  std::vector<SlotMigrationReport> all = node_.slot_imports().Report();
  {
    const std::lock_guard lock(mu_);
    for (const Job& job : jobs_) all.push_back(job->Report());
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.created > b.created; });
  return all;
}

SlotMigrationReport SlotExports::UnderWay() const {
  const std::lock_guard lock(mu_);
  const Job job = Next();
  return job == nullptr ? SlotMigrationReport() : job->Report();
}

cluster::SlotMigrationCounts SlotExports::counts() const {
  cluster::SlotMigrationCounts counts;
  {
    const std::lock_guard lock(mu_);
    counts = counts_;
    for (const Job& job : jobs_) counts.active += job->over() ? 0 : 1;
    if (const Job job = Next()) counts.sent_bytes += job->Report().sent_bytes;
  }
  counts.imports = node_.slot_imports().active();
  counts.received_bytes = node_.slot_imports().received_bytes();
  counts.dropped_keys = node_.slot_sweeper().dropped_keys();
  return counts;
}

}  // namespace henge::server
