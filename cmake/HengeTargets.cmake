# SPDX-License-Identifier: Apache-2.0
# The headers that most files include, compiled once for all of our targets.
function(henge_precompile target)
  if(target STREQUAL "henge_base")
    target_precompile_headers(henge_base PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.h)
  else()
    target_precompile_headers(${target} REUSE_FROM henge_base)
  endif()
endfunction()

# henge_floor(NAME floor SOURCES ... USES ...): the library of one folder.
# henge_test(NAME folder SOURCES ... [USES ...]): its GoogleTest binary, one per folder.
function(henge_floor)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;USES" ${ARGN})
  if(ARG_SOURCES)
    add_library(henge_${ARG_NAME} STATIC ${ARG_SOURCES})
    target_include_directories(henge_${ARG_NAME} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(henge_${ARG_NAME} PUBLIC ${ARG_USES})
    henge_precompile(henge_${ARG_NAME})
  else()
    add_library(henge_${ARG_NAME} INTERFACE)
    target_include_directories(henge_${ARG_NAME} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(henge_${ARG_NAME} INTERFACE ${ARG_USES})
  endif()
endfunction()

# Tests of one thread: TSan would find nothing there, and take most of its time for it.
set(HENGE_SINGLE_THREADED "Seeds/*:Draws/*:*Simulation*:*PlantedBug*:TopologyModel*:AgreedTopology*")

function(henge_test)
  cmake_parse_arguments(ARG "" "NAME" "SOURCES;USES" ${ARGN})
  if(NOT ARG_SOURCES)
    return()
  endif()
  add_executable(${ARG_NAME}_test ${ARG_SOURCES})
  target_link_libraries(${ARG_NAME}_test PRIVATE henge_${ARG_NAME} ${ARG_USES} henge_malloc
                                                 GTest::gmock GTest::gtest_main)
  henge_precompile(${ARG_NAME}_test)
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME}_test)
  set_tests_properties(${ARG_NAME} PROPERTIES TIMEOUT 600 LABELS unit)
  if(HENGE_SANITIZE STREQUAL "thread")
    set_property(TEST ${ARG_NAME} APPEND PROPERTY ENVIRONMENT "GTEST_FILTER=-${HENGE_SINGLE_THREADED}")
  endif()
endfunction()
