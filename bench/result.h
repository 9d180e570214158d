/* How the bench programs say what they measured: a line for people on standard output and, when BENCH_RESULTS
 * names a file, a row in it: question, size, who, value, unit. bench/table.py sets the rows beside each
 * other. */
#ifndef NETINFO_BENCH_RESULT_H
#define NETINFO_BENCH_RESULT_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The row alone. */
static inline void result_row(const char *question, uint32_t size, const char *who, double value,
                              const char *unit)
{
        const char *path = getenv("BENCH_RESULTS");
        FILE *f = path ? fopen(path, "a") : NULL;
        if (!f)
                return;
        fprintf(f, "%s\t%u\t%s\t%.4g\t%s\n", question, size, who, value, unit);
        fclose(f);
}

static inline void result(const char *question, uint32_t size, const char *who, double value,
                          const char *unit)
{
        printf("%-24s%9u  %-22s%12.4g %s\n", question, size, who, value, unit);
        fflush(stdout);
        result_row(question, size, who, value, unit);
}

static inline double result_clock(clockid_t clock)
{
        struct timespec t;
        clock_gettime(clock, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline int result_order(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

/* Sorts. p of 0 to 1: 0.5 is the median. */
static inline double result_quantile(double *v, size_t n, double p)
{
        qsort(v, n, sizeof(*v), result_order);
        return n ? v[(size_t)((double)(n - 1) * p)] : 0;
}

/* CPU seconds that the processes of a list "12,34" have used so far, in all threads that still run: the
 * scheduler's own figure, in nanoseconds (utime and stime of /proc/PID/stat count in hundredths). */
static inline double result_cpu_of(const char *pids)
{
        double sum = 0;
        for (const char *p = pids; p && *p; p += strcspn(p, ","), p += *p == ',') {
                char path[64];
                snprintf(path, sizeof(path), "/proc/%ld/task", strtol(p, NULL, 10));
                DIR *tasks = opendir(path);
                for (struct dirent *e; tasks && (e = readdir(tasks));) {
                        char name[360];
                        unsigned long long ns = 0;
                        snprintf(name, sizeof(name), "%s/%s/schedstat", path, e->d_name);
                        FILE *f = e->d_name[0] == '.' ? NULL : fopen(name, "r");
                        if (f && fscanf(f, "%llu", &ns) == 1)
                                sum += (double)ns * 1e-9;
                        if (f)
                                fclose(f);
                }
                if (tasks)
                        closedir(tasks);
        }
        return sum;
}

#endif
