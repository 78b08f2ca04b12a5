# tests/capi/*_test.c: each is a program in C against libskiff.so, and a CTest entry.
file(GLOB capi_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.c)
foreach(source IN LISTS capi_tests)
  get_filename_component(file ${source} NAME_WE)
  add_executable(capi_${file} ${source} ${CMAKE_CURRENT_LIST_DIR}/check.c)
  set_target_properties(capi_${file} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
  target_compile_definitions(capi_${file} PRIVATE _GNU_SOURCE)
  target_compile_options(capi_${file} PRIVATE -Wall -Wextra -Werror)
  target_include_directories(capi_${file} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(capi_${file} PRIVATE libskiff Threads::Threads)
  add_test(NAME capi/${file} COMMAND capi_${file} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
  set_tests_properties(capi/${file} PROPERTIES TIMEOUT 120)
endforeach()

# With sanitizers the library exports and needs what they put in.
if(NOT SKIFF_SANITIZE)
  add_test(NAME capi/exports_test COMMAND /usr/bin/python3 -B
    ${CMAKE_CURRENT_LIST_DIR}/exports_test.py $<TARGET_FILE:libskiff>)
  set_tests_properties(capi/exports_test PROPERTIES TIMEOUT 60)
endif()
