/* In a build for coverage that has the filter: what a process has counted is written before it enters it, for behind it
 * a process can open no file. Linked with --wrap=seccomp_load. */

/* libgcov's. */
void __gcov_dump(void);

int __real_seccomp_load(void *filter);
int __wrap_seccomp_load(void *filter);

int __wrap_seccomp_load(void *filter)
{
    __gcov_dump();
    return __real_seccomp_load(filter);
}
