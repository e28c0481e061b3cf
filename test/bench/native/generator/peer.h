/* A connection to the server, WebSocket or HTTP, and the event loop of all connections. */
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

enum stage { CLOSED, CONNECTING, UPGRADING, ESTABLISHING, SUBSCRIBING, READY };
/* The stage at which a WebSocket is ready. */
enum depth { TO_UPGRADE, TO_ESTABLISHED, TO_CHANNELS };

struct peer {
    int fd;
    uint8_t stage, depth;
    bool speaks_http, is_busy, is_member;
    int index;
    /* Channels that it subscribes to: `per` of all `channels`, from `first` on. */
    int first, per, channels, subscribed;
    uint32_t subscribe_count; /* how often it has subscribed; part of the user id */
    uint32_t opening; /* how often it has been opened */
    char socket_id[40];
    uint8_t *rest; /* bytes of an incomplete frame or answer */
    uint32_t rest_length;
    char *unsent; /* HTTP: sent when connected */
    uint64_t since;
    void (*ready)(struct peer *);
    void (*answered)(struct peer *, int status);
    void (*ended)(struct peer *);
};

extern uint64_t now; /* time at which the last bytes were read */
extern char first_error[200]; /* the first error, without characters that JSON has to escape */
void record_error(const char *what, const void *text, size_t length);

struct peer *peer_new(int index);
void peer_open(struct peer *);
void peer_close(struct peer *);
/* Calls `ended`: the server has closed the connection, or it has failed. */
void peer_lost(struct peer *);
void peer_send(struct peer *, const void *bytes, size_t length);

void loop_start(void);
/* Handles events; waits for the first one up to `wait_ms`. Returns true if stdin has a command. */
bool loop_turn(int wait_ms);
/* Ends the next loop_turn at this time at the latest. */
void loop_wake_at(uint64_t ns);

/* Parse received bytes; both return the number of bytes read. */
size_t websocket_read(struct peer *, const uint8_t *bytes, size_t length);
size_t http_read(struct peer *, const uint8_t *bytes, size_t length);
void http_closed(struct peer *, const uint8_t *bytes, size_t length);
void websocket_upgrade(struct peer *);
#endif
