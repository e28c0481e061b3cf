/* A client of the Pusher protocol. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H
#include "peer.h"

/* Events contain this and the time at which they were due: 19 digits of nanoseconds. */
#define DUE "due="

struct received {
    uint64_t from;       /* ignores events that were due before: they belong to an earlier measurement */
    uint64_t deliveries; /* events of this measurement */
    uint64_t arrivals;   /* member_added */
    uint64_t refusals;   /* errors that the server sent */
    struct histogram latency;
};
extern struct received received;

void channel_name(const struct peer *, int channel, char *name, size_t size);
void websocket_send_text(struct peer *, const char *text);
/* Subscribes to all its channels, signed where needed. */
void websocket_subscribe(struct peer *);
#endif
