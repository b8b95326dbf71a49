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

# jemalloc accounts exactly and resists fragmentation; the sanitizers bring allocators of their own.
add_library(henge_malloc INTERFACE)
find_library(HENGE_JEMALLOC jemalloc)
if(HENGE_JEMALLOC AND HENGE_SANITIZE STREQUAL "")
  target_link_libraries(henge_malloc INTERFACE ${HENGE_JEMALLOC})
  target_compile_definitions(henge_malloc INTERFACE HENGE_JEMALLOC=1)
endif()
