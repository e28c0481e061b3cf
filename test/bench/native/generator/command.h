/* Commands of one line, such as `open n=1000 channels=1`; each prints one JSON object. */
#ifndef COMMAND_H
#define COMMAND_H
#include "measure.h"
#include "peer.h"

/* Parameters of the present command, or the default. */
double number(const char *name, double otherwise);
const char *word(const char *name, const char *otherwise);

/* CPU and clock over one measured interval. */
struct interval {
    struct pids pids;
    uint64_t from_ns, to_ns;
    double server_us, own_us;
};
void interval_begin(struct interval *);
void interval_end(struct interval *);
/* Prints the members of the JSON object, then a comma. */
void interval_print(const struct interval *);
void run_until(uint64_t ns);

void command_open(void);
void command_close(void);
void command_fanout(void);
void command_post(void);
void command_handshake(void);
void command_churn(void);
void command_idle(void);

/* The subscribers that `open` has opened. */
struct subscribers {
    struct peer **peers;
    int count, ready, failed, channels;
    int *on; /* subscribers of each channel */
};
extern struct subscribers subscribers;
#endif
