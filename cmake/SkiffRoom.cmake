# skiff_room(NAME DEPS ...): one static library from every .cc and .c file of this folder (and of
# the sub-folders named with DIRS), as target skiff_NAME.
set(SKIFF_WARNINGS -Wall -Wextra -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # With optimisation GCC 12 sees overflows in std::string that are not there (GCC bugs 105329,
  # 105651); with sanitizers it no longer sees what is initialised (GCC manual, -Wmaybe-uninitialized).
  set(optimised $<CONFIG:Release>)
  if(SKIFF_SANITIZE)
    set(optimised 1)
    list(APPEND SKIFF_WARNINGS -Wno-maybe-uninitialized)
  endif()
  foreach(warning restrict array-bounds stringop-overflow stringop-overread)
    list(APPEND SKIFF_WARNINGS $<${optimised}:-Wno-${warning}>)
  endforeach()
endif()

function(skiff_room name)
  cmake_parse_arguments(ROOM "NO_PCH" "" "DEPS;DIRS" ${ARGN})
  set(patterns *.cc *.c)
  foreach(dir IN LISTS ROOM_DIRS)
    list(APPEND patterns ${dir}/*.cc ${dir}/*.c)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  if(NOT sources)
    add_library(skiff_${name} INTERFACE)
    target_link_libraries(skiff_${name} INTERFACE ${ROOM_DEPS})
    return()
  endif()
  add_library(skiff_${name} STATIC ${sources})
  target_include_directories(skiff_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(skiff_${name} PRIVATE ${SKIFF_WARNINGS})
  target_link_libraries(skiff_${name} PUBLIC ${ROOM_DEPS})
  if(TARGET skiff_pch AND NOT ROOM_NO_PCH)
    skiff_use_pch(skiff_${name})
  endif()
endfunction()

# The generated API types cost seconds to parse; rooms that speak of objects share one precompiled
# header of them.
function(skiff_use_pch target)
  target_precompile_headers(${target} REUSE_FROM skiff_pch)
  target_link_libraries(${target} PUBLIC skiff_pch)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE)
    # CMake would compile an executable with -fPIE, which the header was not precompiled with.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()
