# SPDX-License-Identifier: Apache-2.0
# -DHENGE_STATIC=ON, for the container image: gRPC, Protobuf, Abseil and yaml-cpp become part of the program. They are
# Debian's archives; its CMake targets name shared libraries only, so these targets are given other ones here.
# What has no archive in Debian (prometheus-cpp, civetweb, spdlog, fmt) stays shared and stands in the image, as glibc
# does, whose resolver wants it so.
find_library(HENGE_ABSL_BASE NAMES libabsl_base.a REQUIRED)
get_filename_component(archives ${HENGE_ABSL_BASE} DIRECTORY)
file(GLOB all ${archives}/libabsl_*.a)
foreach(name grpc++ grpc gpr address_sorting upb cares re2 ssl crypto z protobuf yaml-cpp)
  list(APPEND all ${archives}/lib${name}.a)
endforeach()
# gRPC's plugins for xDS (a service mesh steers a channel) are two megabytes, and Henge's channels have no use for them.
# Debian's own object that stands for "no such plugins" takes the place of the one that registers them.
set(no_xds ${PROJECT_BINARY_DIR}/grpc_plugin_registry_noextra.cc.o)
execute_process(COMMAND ${CMAKE_AR} x ${archives}/libgrpc_unsecure.a grpc_plugin_registry_noextra.cc.o
                WORKING_DIRECTORY ${PROJECT_BINARY_DIR} COMMAND_ERROR_IS_FATAL ANY)
list(JOIN all "," all)
add_library(henge_static INTERFACE)
# They need each other in circles; one item, so that CMake keeps it together.
target_link_libraries(henge_static INTERFACE "-Wl,${no_xds},--start-group,${all},--end-group")

function(henge_link_statically target archive)
  set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES henge_static)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    return()
  endif()
  foreach(configuration "" _NONE _NOCONFIG _RELEASE)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION${configuration} ${archives}/${archive}
                          IMPORTED_LINK_DEPENDENT_LIBRARIES${configuration} "")
  endforeach()
endfunction()

henge_link_statically(gRPC::grpc++ libgrpc++.a)
henge_link_statically(protobuf::libprotobuf libprotobuf.a)
henge_link_statically(yaml-cpp libyaml-cpp.a)
foreach(part flat_hash_map hash strings status statusor inlined_vector time symbolize)
  henge_link_statically(absl::${part} libabsl_${part}.a)
endforeach()
