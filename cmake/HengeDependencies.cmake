# SPDX-License-Identifier: Apache-2.0
# Everything here is a Debian package; scripts/deps installs them. Nothing is downloaded at build time.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)  # CMake's own module, and before gRPC: Debian ships no protobuf-config.cmake.
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(civetweb CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(GTest CONFIG REQUIRED)
find_package(benchmark CONFIG)

# Lua as built from C++: its errors are exceptions, so they run destructors on their way.
find_path(HENGE_LUA_INCLUDE lua.hpp PATH_SUFFIXES lua5.1 REQUIRED)
find_library(HENGE_LUA NAMES liblua5.1-c++.a lua5.1-c++ REQUIRED)
add_library(henge_lua INTERFACE)
target_include_directories(henge_lua SYSTEM INTERFACE ${HENGE_LUA_INCLUDE})
target_link_libraries(henge_lua INTERFACE ${HENGE_LUA} ${CMAKE_DL_LIBS} m)

# jemalloc accounts exactly and resists fragmentation; the sanitizers bring allocators of their own.
add_library(henge_malloc INTERFACE)
find_library(HENGE_JEMALLOC jemalloc)
if(HENGE_JEMALLOC AND HENGE_SANITIZE STREQUAL "")
  target_link_libraries(henge_malloc INTERFACE ${HENGE_JEMALLOC})
  target_compile_definitions(henge_malloc INTERFACE HENGE_JEMALLOC=1)
endif()

if(HENGE_STATIC)
  include(HengeStatic)
endif()
