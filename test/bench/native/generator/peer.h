/* One connection to the server, of whatever kind, and the loop that serves all of them. */
#ifndef PEER_H
#define PEER_H
#include "measure.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target {
    const char *host, *id, *key, *secret;
    int port;
};
extern struct target target;

enum stage { GONE, CONNECTING, UPGRADING, GREETING, ENTERING, SETTLED };
/* How far a WebSocket goes by itself. */
enum depth { TO_UPGRADE, TO_GREETING, TO_CHANNELS };

struct peer {
    int fd;
    uint8_t stage, depth;
    bool speaks_http, is_busy, is_member;
    int index;
    /* Channels that it enters: `per` of all `channels`, from `first` on. */
    int first, per, channels, entered;
    uint32_t life; /* how often it has entered */
    uint32_t opening; /* how often it has been opened */
    char socket_id[40];
    uint8_t *rest; /* bytes of a frame or an answer that is not whole yet */
    uint32_t rest_length;
    char *unsent; /* HTTP: goes out once connected */
    uint64_t since;
    void (*settled)(struct peer *);
    void (*answered)(struct peer *, int status);
    void (*ended)(struct peer *);
};

extern uint64_t now; /* of the last bytes that were read */
extern char complaint[200]; /* the first thing that went wrong, fit for JSON */
void complain(const char *what, const void *text, size_t length);

struct peer *peer_new(int index);
void peer_open(struct peer *);
void peer_close(struct peer *);
/* Closed by the other side, or broken: told to `ended`. */
void peer_lost(struct peer *);
void peer_send(struct peer *, const void *bytes, size_t length);

void loop_start(void);
/* Serves what is ready, waiting so long at most. True when a command waits on stdin. */
bool loop_turn(int wait_ms);
/* The next loop_turn ends no later than that. */
void loop_wake_at(uint64_t ns);

/* What the bytes mean; each answers how many it took. */
size_t websocket_read(struct peer *, const uint8_t *bytes, size_t length);
size_t http_read(struct peer *, const uint8_t *bytes, size_t length);
void http_closed(struct peer *, const uint8_t *bytes, size_t length);
void websocket_upgrade(struct peer *);
#endif
