#include "base/poison.h"

#include "config.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h> /* its macros do nothing in a build without ASan */
#else
#define ASAN_POISON_MEMORY_REGION(base, bytes) ((void)(base), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(base, bytes) ((void)(base), (void)(bytes))
#endif

#if HAVE_VALGRIND
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_NOACCESS(base, bytes) ((void)(base), (void)(bytes))
#define VALGRIND_MAKE_MEM_UNDEFINED(base, bytes) ((void)(base), (void)(bytes))
#endif

void poison(void *base, size_t bytes)
{
    ASAN_POISON_MEMORY_REGION(base, bytes);
    VALGRIND_MAKE_MEM_NOACCESS(base, bytes);
}

void unpoison(void *base, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(base, bytes);
    VALGRIND_MAKE_MEM_UNDEFINED(base, bytes);
}
