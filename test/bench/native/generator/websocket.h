/* The client's side of the Pusher protocol. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H
#include "peer.h"

/* Events carry this and the 19 digits of the nanosecond at which they were due. */
#define DUE "due="

struct hearing {
    uint64_t from;       /* what was due before that belongs to an earlier measurement */
    uint64_t deliveries; /* of this one */
    uint64_t arrivals;   /* member_added */
    uint64_t refusals;   /* pusher:error to who is settled */
    struct spread latency;
};
extern struct hearing hearing;

void channel_name(const struct peer *, int channel, char *name, size_t size);
void websocket_say(struct peer *, const char *text);
/* Asks for all its channels, signed where they have to be. */
void websocket_enter(struct peer *);
#endif
