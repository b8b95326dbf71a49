# SPDX-License-Identifier: Apache-2.0
# Language level, warnings, sanitizers and the tools that make builds quick.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

set(HENGE_SANITIZE "" CACHE STRING "address (with undefined), thread, or empty")
option(HENGE_FUZZ "Build the libFuzzer targets (clang only)" OFF)
option(HENGE_STATIC "Link gRPC, Protobuf, Abseil and yaml-cpp statically" OFF)
option(HENGE_WERROR "Warnings are errors" ON)

add_compile_options(-pthread)  # Everywhere, or precompiled headers would not fit.
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
                    -Wno-missing-field-initializers)
if(HENGE_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of g++ 12 in libstdc++'s own inlined code.
  add_compile_options(-Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
                      -Wno-maybe-uninitialized -Wno-interference-size)
  add_compile_options(-fpch-preprocess)  # So that ccache can tell what a precompiled header stands for.
else()
  # libstdc++ 12's std::stable_sort calls what it has deprecated itself.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(HENGE_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(HENGE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NOT HENGE_SANITIZE STREQUAL "")
  message(FATAL_ERROR "HENGE_SANITIZE must be address, thread or empty")
endif()
if(NOT HENGE_SANITIZE STREQUAL "")
  add_compile_definitions(HENGE_SANITIZED=1)
endif()
if(HENGE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(HENGE_CCACHE ccache)
if(HENGE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${HENGE_CCACHE})
endif()
find_program(HENGE_MOLD mold)
if(HENGE_STATIC)
  # For size: what nobody calls is left out, and relocations are packed (in a form of mold's that glibc does not take).
  add_compile_options(-ffunction-sections -fdata-sections)
  add_link_options(-Wl,--gc-sections -Wl,-z,pack-relative-relocs)
elseif(HENGE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
