#define _GNU_SOURCE
#include "measure.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct pids read_pids(const char *text)
{
    struct pids pids = {0};
    while (text && *text && pids.count < MAX_PIDS) {
        char *end;
        int id = (int)strtol(text, &end, 10);
        if (id > 0)
            pids.ids[pids.count++] = id;
        text = *end == ',' ? end + 1 : "";
    }
    return pids;
}

/* The first number of a thread's schedstat is its CPU time in nanoseconds. */
static double thread_us(int pid, const char *thread)
{
    char path[320];
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, thread);
    FILE *file = fopen(path, "r");
    unsigned long long ns = 0;
    if (!file)
        return 0;
    if (fscanf(file, "%llu", &ns) != 1)
        ns = 0;
    fclose(file);
    return (double)ns / 1e3;
}

double cpu_us(const struct pids *pids)
{
    double total = 0;
    for (int i = 0; i < pids->count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/task", pids->ids[i]);
        DIR *threads = opendir(path);
        if (!threads)
            continue;
        for (struct dirent *entry; (entry = readdir(threads));)
            if (entry->d_name[0] != '.')
                total += thread_us(pids->ids[i], entry->d_name);
        closedir(threads);
    }
    return total;
}

uint64_t idle_ns;

uint64_t own_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

double own_work_us(void)
{
    return (double)(own_cpu_ns() - idle_ns) / 1e3;
}

void histogram_clear(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    int power = ns < 64 ? 0 : 58 - __builtin_clzll(ns);
    uint64_t step = power ? ns >> power & 63 : ns;
    histogram->steps[power * 64 + (int)step]++;
    histogram->count++;
    histogram->sum += ns;
    if (ns > histogram->largest)
        histogram->largest = ns;
}

double histogram_ms(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count), seen = 0;
    for (int i = 0; i < 60 * 64; i++) {
        seen += histogram->steps[i];
        if (histogram->steps[i] && seen > wanted)
            return (double)((uint64_t)(i % 64) << i / 64) / 1e6;
    }
    return 0;
}

double histogram_mean_ms(const struct histogram *histogram)
{
    return histogram->count ? (double)histogram->sum / (double)histogram->count / 1e6 : 0;
}
