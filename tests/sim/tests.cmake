# Storms by the thousand: tests/sim/run.
add_executable(store_storm sim/storm/main.cc sim/storm/seeds.cc sim/store_storm.cc
  sim/storm_aimed.cc sim/storm_faults.cc sim/storm_record.cc sim/linearizability.cc
  sim/watch_checker.cc)
target_compile_options(store_storm PRIVATE ${SKIFF_WARNINGS})
target_include_directories(store_storm PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(store_storm PRIVATE skiff_store)
skiff_use_pch(store_storm)

# The same of whole control planes.
add_executable(cluster_storm sim/storm/cluster_main.cc sim/storm/seeds.cc sim/cluster_storm.cc
  sim/api_clients.cc sim/owner_checker.cc sim/storm_record.cc sim/linearizability.cc
  sim/watch_checker.cc)
target_compile_options(cluster_storm PRIVATE ${SKIFF_WARNINGS})
target_include_directories(cluster_storm PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(cluster_storm PRIVATE skiff_cluster)
skiff_use_pch(cluster_storm)
