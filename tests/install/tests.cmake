# What is installed can be found and used. Not with sanitizers, which foreign programs lack.
if(NOT SKIFF_SANITIZE)
  add_test(NAME install/install_test COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/install_test.sh
    ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
  set_tests_properties(install/install_test PROPERTIES TIMEOUT 300
    ENVIRONMENT "CC=${CMAKE_C_COMPILER};CXX=${CMAKE_CXX_COMPILER}")
endif()
