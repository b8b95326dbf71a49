// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/library_registry.h"

#include <fmt/format.h>

#include <utility>

#include "base/memory.h"

namespace henge::commands::scripting {
namespace {

size_t BytesOf(const Library& library) {
  size_t bytes = AllocationSize(sizeof(Library)) + AllocationSize(library.name.size() + 1) +
                 AllocationSize(library.code.size() + 1);
  for (const Function& function : library.functions) {
    bytes += sizeof(Function) + AllocationSize(function.name.size() + 1) +
             AllocationSize(function.description.value_or("").size() + 1);
  }
  return bytes;
}

}  // namespace

LibraryRegistry::Found LibraryRegistry::FindFunction(std::string_view name) const {
  const std::lock_guard lock(mu_);
  const auto found = by_function_.find(ToLower(name));
  return found == by_function_.end() ? Found{} : found->second;
}

bool LibraryRegistry::Has(std::string_view library) const {
  const std::lock_guard lock(mu_);
  return libraries_.find(library) != libraries_.end();
}

std::vector<LibraryRef> LibraryRegistry::All() const {
  const std::lock_guard lock(mu_);
  std::vector<LibraryRef> all;
  all.reserve(libraries_.size());
  for (const auto& [name, library] : libraries_) all.push_back(library);
  return all;
}

std::string LibraryRegistry::Add(const std::vector<LibraryRef>& libraries,
                                 OnCollision on_collision) {
  const std::lock_guard lock(mu_);
  Libraries after = libraries_;
  for (const LibraryRef& library : libraries) {
    if (on_collision == OnCollision::kRefuse && after.contains(library->name)) {
      return fmt::format("ERR Library {} already exists", library->name);
    }
    after[library->name] = library;
  }
  StringMap<const Library*> owners;
  for (const auto& [name, library] : after) {
    for (const Function& function : library->functions) {
      if (!owners.try_emplace(ToLower(function.name), library.get()).second) {
        return fmt::format("ERR Function {} already exists", function.name);
      }
    }
  }
  Publish(std::move(after));
  return {};
}

void LibraryRegistry::ReplaceAll(const std::vector<LibraryRef>& libraries) {
  const std::lock_guard lock(mu_);
  Libraries after;
  for (const LibraryRef& library : libraries) after[library->name] = library;
  Publish(std::move(after));
}

bool LibraryRegistry::Delete(std::string_view name) {
  const std::lock_guard lock(mu_);
  Libraries after = libraries_;
  const auto found = after.find(name);
  if (found == after.end()) return false;
  after.erase(found);
  Publish(std::move(after));
  return true;
}

void LibraryRegistry::Publish(Libraries libraries) {
  libraries_ = std::move(libraries);
  by_function_.clear();
  size_t bytes = 0;
  for (const auto& [name, library] : libraries_) {
    bytes += BytesOf(*library);
    for (const Function& function : library->functions) {
      by_function_[ToLower(function.name)] = {library, &function};
    }
  }
  library_count_.store(libraries_.size(), std::memory_order_relaxed);
  function_count_.store(by_function_.size(), std::memory_order_relaxed);
  bytes_.store(bytes, std::memory_order_relaxed);
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace henge::commands::scripting
