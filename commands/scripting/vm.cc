// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/vm.h"

#include <cstdlib>

#include "base/log.h"
#include "base/memory.h"

namespace henge::commands::scripting {
namespace {

int Panic(lua_State* lua) {
  const char* message = lua_tostring(lua, -1);
  LogError("Lua failed outside of a protected call",
           {{"error", message == nullptr ? "" : message}});
  std::abort();
}

}  // namespace

Vm::Vm(void* owner, Counter& bytes)
    : owner_(owner), bytes_(bytes), lua_(lua_newstate(Allocate, this)) {
  if (lua_ == nullptr) std::abort();
  lua_atpanic(lua_, Panic);
}

Vm::~Vm() { lua_close(lua_); }

void* Vm::Owner(lua_State* lua) {
  void* vm = nullptr;
  lua_getallocf(lua, &vm);
  return static_cast<Vm*>(vm)->owner_;
}

void* Vm::Allocate(void* vm, void* block, size_t old_size, size_t new_size) {
  Counter& bytes = static_cast<Vm*>(vm)->bytes_;
  if (new_size == 0) {
    bytes.Sub(AllocationSize(old_size));
    std::free(block);
    return nullptr;
  }
  const size_t after = bytes.get() - AllocationSize(old_size) + AllocationSize(new_size);
  if (new_size > old_size && after > kMaxBytes) return nullptr;
  void* moved = std::realloc(block, new_size);
  if (moved != nullptr) bytes.Set(after);
  return moved;
}

}  // namespace henge::commands::scripting
