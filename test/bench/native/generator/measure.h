/* Clocks, CPU time of other processes, and how latencies are spread. */
#ifndef MEASURE_H
#define MEASURE_H
#include <stdint.h>

#define MAX_PIDS 8

struct pids {
    int count;
    int ids[MAX_PIDS];
};

uint64_t clock_ns(void);
/* "12,34": what is no number is no process. */
struct pids read_pids(const char *text);
/* CPU time that the generator spent on staying awake: no work. */
extern uint64_t idle_ns;
/* Time on a CPU of all threads of all of them. */
double cpu_us(const struct pids *pids);
/* Time on a CPU of the generator itself, and how much of it was work. */
uint64_t own_cpu_ns(void);
double own_work_us(void);

/* A value is kept with its six highest bits: to within 3 %. */
struct spread {
    uint64_t count, largest;
    uint32_t steps[60 * 64];
};

void spread_clear(struct spread *spread);
void spread_add(struct spread *spread, uint64_t ns);
/* The milliseconds below which this share lies. */
double spread_ms(const struct spread *spread, double share);
#endif
