# Simulations run the node against the real API server on an in-memory store.
set(SKIFF_TEST_DEPS skiff_apiserver skiff_store)
