# Sanitizers lay their shadow where user-mode-linux has its own memory: they cannot run under it.
if(NOT SKIFF_SANITIZE)
  add_test(NAME linux/pure_v2
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/pure_v2.sh $<TARGET_FILE:runtime_test>)
  set_tests_properties(linux/pure_v2 PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
endif()
