# tests/python/*_test.py, with Debian's Python and nothing but its standard library.
file(GLOB python_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.py)
set(python_environment PYTHONPATH=${CMAKE_SOURCE_DIR}/bindings/python
  SKIFF_LIBRARY=$<TARGET_FILE:libskiff>)
if(SKIFF_SANITIZE MATCHES "address")
  # The interpreter is not built with the sanitizer, whose library must come first, and it leaks.
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libasan.so
    OUTPUT_VARIABLE libasan OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(APPEND python_environment LD_PRELOAD=${libasan} ASAN_OPTIONS=detect_leaks=0)
endif()
foreach(source IN LISTS python_tests)
  get_filename_component(file ${source} NAME_WE)
  if(NOT SKIFF_SANITIZE MATCHES "thread")
    add_test(NAME python/${file} COMMAND /usr/bin/python3 -B ${source}
      WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
    set_tests_properties(python/${file} PROPERTIES TIMEOUT 120 ENVIRONMENT "${python_environment}")
  endif()
endforeach()
