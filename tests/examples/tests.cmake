# The examples do what their first lines say. (quickstart.sh, the main job, is run on its own.)
set(says sh ${CMAKE_CURRENT_LIST_DIR}/says.sh)
foreach(language c cc)
  add_executable(example_embed_${language} ${CMAKE_SOURCE_DIR}/examples/embed.${language})
  target_include_directories(example_embed_${language} PRIVATE ${CMAKE_SOURCE_DIR}/capi
    ${CMAKE_SOURCE_DIR}/include)
  target_compile_options(example_embed_${language} PRIVATE -Wall -Wextra -Werror)
  target_link_libraries(example_embed_${language} PRIVATE libskiff)
endforeach()
target_link_libraries(example_embed_cc PRIVATE absl::status absl::statusor absl::time)
add_test(NAME examples/embed_c COMMAND ${says} "\"kind\":\"PodList\""
  $<TARGET_FILE:example_embed_c>)
add_test(NAME examples/embed_cc COMMAND ${says} "OK, CompletionsReached"
  $<TARGET_FILE:example_embed_cc>)
set_tests_properties(examples/embed_c examples/embed_cc PROPERTIES TIMEOUT 120)
add_executable(example_greeter_test ${CMAKE_SOURCE_DIR}/examples/greeter_test.cc)
target_include_directories(example_greeter_test PRIVATE ${CMAKE_SOURCE_DIR}/include)
target_compile_options(example_greeter_test PRIVATE -Wall -Wextra -Werror)
target_link_libraries(example_greeter_test PRIVATE libskiff absl::status absl::statusor absl::time
  Threads::Threads)
add_test(NAME examples/greeter_test COMMAND example_greeter_test)
set_tests_properties(examples/greeter_test PROPERTIES TIMEOUT 120)
if(NOT SKIFF_SANITIZE)
  add_test(NAME examples/test_greeter COMMAND ${says} "4 passed" /usr/bin/python3 -B -m pytest -q
    -p skiff.pytest_plugin -p no:cacheprovider ${CMAKE_SOURCE_DIR}/examples/test_greeter.py)
  set_tests_properties(examples/test_greeter PROPERTIES TIMEOUT 120 ENVIRONMENT
    "SKIFF_LIBRARY=$<TARGET_FILE:libskiff>;PYTHONPATH=${CMAKE_SOURCE_DIR}/bindings/python")
endif()
if(NOT SKIFF_SANITIZE)
  add_test(NAME examples/website_operator COMMAND ${says} "its Deployment went with it"
    /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/examples/website_operator.py)
  set_tests_properties(examples/website_operator PROPERTIES TIMEOUT 120
    ENVIRONMENT SKIFF_LIBRARY=$<TARGET_FILE:libskiff>)
endif()
if(NOT SKIFF_SANITIZE)
  add_test(NAME examples/jobs COMMAND ${says} --root "counted 5133 primes"
    /usr/bin/python3 -B ${CMAKE_SOURCE_DIR}/examples/jobs.py)
  set_tests_properties(examples/jobs PROPERTIES TIMEOUT 180 SKIP_RETURN_CODE 77
    ENVIRONMENT SKIFF_LIBRARY=$<TARGET_FILE:libskiff>)
endif()
