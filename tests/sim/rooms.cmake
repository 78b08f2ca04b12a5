# Whole clusters in virtual time: every room but the wire.
set(SKIFF_TEST_DEPS skiff_node skiff_controllers skiff_scheduler skiff_apiserver skiff_store
  skiff_raft skiff_runtime skiff_cluster)
