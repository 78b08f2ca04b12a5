# What `cmake --install` puts where, and how others find it: find_package(skiff) and pkg-config.
include(GNUInstallDirs)
install(TARGETS skiff libskiff RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_BINARY_DIR}/libskiff.a DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES capi/skiff.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/skiff DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
file(WRITE ${CMAKE_BINARY_DIR}/skiff.pc
"Name: skiff
Description: Kubernetes as a library
Version: ${PROJECT_VERSION}
Libs: -L${CMAKE_INSTALL_FULL_LIBDIR} -lskiff
Cflags: -I${CMAKE_INSTALL_FULL_INCLUDEDIR}
")
install(FILES ${CMAKE_BINARY_DIR}/skiff.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(WRITE ${CMAKE_BINARY_DIR}/skiffConfig.cmake
"add_library(skiff::skiff SHARED IMPORTED)
set_target_properties(skiff::skiff PROPERTIES
  IMPORTED_LOCATION ${CMAKE_INSTALL_FULL_LIBDIR}/libskiff.so
  INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_INSTALL_FULL_INCLUDEDIR})
")
install(FILES ${CMAKE_BINARY_DIR}/skiffConfig.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/skiff)
