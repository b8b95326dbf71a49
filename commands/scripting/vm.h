// SPDX-License-Identifier: Apache-2.0
// Vm: one Lua 5.1 interpreter whose memory is counted and bounded. Used by one thread.
//
// Henge links the build of Lua whose errors are C++ exceptions, so an error that passes through our
// frames runs their destructors. What may raise one (anything that allocates) must run under
// Protected, or be called from Lua.
#pragma once

#include <cstddef>
#include <lua.hpp>

#include "base/counter.h"

namespace henge::commands::scripting {

class Vm {
 public:
  // No string or table can become so large that the library's int arithmetic would overflow.
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  // `owner` is whom C functions find by Owner(). `bytes` counts the memory; it outlives the Vm.
  Vm(void* owner, Counter& bytes);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  lua_State* lua() const { return lua_; }

  // From within Lua, by any of its threads.
  static void* Owner(lua_State* lua);

  // Runs `body(lua_State*)`, with an empty stack of its own. False where it raised an error (memory
  // is short, or what it called failed): the message is then on top of lua()'s stack.
  template <class F>
  bool Protected(F body) {
    const lua_CFunction run = [](lua_State* lua) {
      F& inner = *static_cast<F*>(lua_touserdata(lua, 1));
      lua_settop(lua, 0);
      inner(lua);
      return 0;
    };
    return lua_cpcall(lua_, run, &body) == 0;
  }

 private:
  static void* Allocate(void* vm, void* block, size_t old_size, size_t new_size);

  void* owner_;
  Counter& bytes_;
  lua_State* lua_ = nullptr;
};

}  // namespace henge::commands::scripting
