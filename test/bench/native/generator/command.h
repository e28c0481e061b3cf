/* One line in, one JSON object out: `open n=1000 channels=1`. */
#ifndef COMMAND_H
#define COMMAND_H
#include "measure.h"
#include "peer.h"

/* What a command was given, and the default where it was not. */
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
/* The members of it, then a comma. */
void interval_print(const struct interval *);
void run_until(uint64_t ns);

void command_open(void);
void command_close(void);
void command_fanout(void);
void command_post(void);
void command_visit(void);
void command_churn(void);
void command_rest(void);

/* The subscribers that `open` made. */
struct crowd {
    struct peer **guests;
    int count, settled, failed, channels;
    int *on; /* subscribers of each channel */
};
extern struct crowd crowd;
#endif
