"""What the C library's allocator is told in workers."""

ALLOCATOR = {"MALLOC_ARENA_MAX": 1, "MALLOC_MMAP_MAX_": 0, "MALLOC_TRIM_THRESHOLD_": 2**30}
"""Environment of workers. The same large arrays come and go with every tile and shard: kept in one arena for all
threads they are neither faulted in anew each time nor kept once a thread."""
