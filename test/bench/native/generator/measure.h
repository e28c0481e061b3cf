/* Clocks, CPU time of processes, and a histogram of latencies. */
#ifndef MEASURE_H
#define MEASURE_H
#include <stdint.h>

#define MAX_PIDS 8

struct pids {
    int count;
    int ids[MAX_PIDS];
};

uint64_t clock_ns(void);
/* Parses "12,34"; ignores what is not a number. */
struct pids read_pids(const char *text);
/* CPU time that the generator spent on polling without work. */
extern uint64_t idle_ns;
/* CPU time of all threads of these processes. */
double cpu_us(const struct pids *pids);
/* CPU time of the generator, and the part of it that was work. */
uint64_t own_cpu_ns(void);
double own_work_us(void);

/* Keeps the six highest bits of a value: exact to within 3 %. */
struct histogram {
    uint64_t count, sum, largest;
    uint32_t steps[60 * 64];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t ns);
/* Returns the quantile at `share` in milliseconds. */
double histogram_ms(const struct histogram *histogram, double share);
/* Returns the exact average in milliseconds. */
double histogram_mean_ms(const struct histogram *histogram);
#endif
