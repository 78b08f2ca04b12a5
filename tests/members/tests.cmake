# tests/members/*_test.py: members of a control plane as real processes; those of the storms live
# in a network namespace each.
file(GLOB members_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.py)
foreach(source IN LISTS members_tests)
  get_filename_component(file ${source} NAME_WE)
  add_test(NAME members/${file} COMMAND /usr/bin/python3 -B ${source}
    WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR})
  set_tests_properties(members/${file} PROPERTIES TIMEOUT ${SKIFF_TEST_TIMEOUT}
    SKIP_RETURN_CODE 77 ENVIRONMENT "SKIFF_BINARY=$<TARGET_FILE:skiff>")
endforeach()
