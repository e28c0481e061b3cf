/* Closed loops: requests, handshakes, and members that join and leave. */
#include "command.h"
#include "http.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL 256

static uint64_t rounds, bad;
static struct histogram latency;
static enum depth depth;
static char *requests[POOL];

static struct peer **new_peers(int count, bool speaks_http, void (*turn)(struct peer *), void (*ended)(struct peer *))
{
    struct peer **peers = calloc((size_t)count, sizeof *peers);
    for (int i = 0; i < count; i++) {
        peers[i] = peer_new(i);
        peers[i]->speaks_http = speaks_http;
        peers[i]->ready = turn;
        peers[i]->ended = ended;
    }
    return peers;
}

static void free_peers(struct peer **peers, int count)
{
    for (int i = 0; i < count; i++) {
        peer_close(peers[i]);
        free(peers[i]);
    }
    free(peers);
}

/* Measures an interval after a warm-up. */
static void measure(const char *more)
{
    struct interval interval;
    run_until(clock_ns() + (uint64_t)(number("warmup", 0.2) * 1e9));
    rounds = bad = received.arrivals = 0;
    histogram_clear(&latency);
    interval_begin(&interval);
    run_until(clock_ns() + (uint64_t)(number("seconds", 1) * 1e9));
    interval_end(&interval);
    printf("{");
    interval_print(&interval);
    printf("\"rounds\":%llu,\"bad\":%llu,\"arrivals\":%llu,%s\"p50Ms\":%.4f,\"p99Ms\":%.4f}\n", (unsigned long long)rounds,
           (unsigned long long)bad, (unsigned long long)received.arrivals, more, histogram_ms(&latency, 0.5),
           histogram_ms(&latency, 0.99));
}

static void count_round(const struct peer *peer)
{
    rounds++;
    histogram_add(&latency, clock_ns() - peer->since);
}

/* ---- post: requests signed in advance, so that the server is the bottleneck */

static void post_again(struct peer *peer)
{
    static int at;
    peer->since = clock_ns();
    http_send(peer, requests[at = (at + 1) % POOL]);
}

static void posted(struct peer *peer, int status)
{
    bad += status != 200;
    count_round(peer);
    post_again(peer);
}

static void post_lost(struct peer *peer)
{
    bad++;
    peer_close(peer);
}

void command_post(void)
{
    static char request[REQUEST_SIZE], data[9000];
    int count = (int)number("inflight", 32), batch = (int)number("batch", 0), size = (int)number("size", 256);
    for (int i = 0; i < POOL; i++) {
        event_data(data, clock_ns(), size);
        if (number("plain", 0) > 0)
            plain_request(request, data);
        else
            event_request(request, "bench-unused", data, batch);
        free(requests[i]);
        requests[i] = strdup(request);
    }
    struct peer **peers = new_peers(count, true, NULL, post_lost);
    for (int i = 0; i < count; i++) {
        peers[i]->answered = posted;
        post_again(peers[i]);
    }
    measure("");
    free_peers(peers, count);
}

/* ---- handshake: connects, subscribes, closes the connection, reconnects */

static void connect_peer(struct peer *peer)
{
    peer->per = peer->channels = 1;
    peer->depth = (uint8_t)depth;
    peer_open(peer);
}

static void handshake_done(struct peer *peer)
{
    count_round(peer);
    peer_close(peer);
    connect_peer(peer);
}

static void handshake_lost(struct peer *peer)
{
    bad++;
    peer_close(peer);
}

void command_handshake(void)
{
    int count = (int)number("inflight", 32);
    depth = number("bare", 0) > 0 ? TO_UPGRADE : TO_CHANNELS;
    struct peer **peers = new_peers(count, false, handshake_done, handshake_lost);
    for (int i = 0; i < count; i++)
        connect_peer(peers[i]);
    measure("");
    free_peers(peers, count);
}

/* ---- churn: members that join and leave one presence channel with other subscribers */

static void rejoin(struct peer *peer)
{
    if (peer->subscribe_count) {
        count_round(peer);
        websocket_send_text(peer, "{\"event\":\"pusher:unsubscribe\",\"data\":{\"channel\":\"presence-bench-0\"}}");
    }
    peer->since = clock_ns();
    websocket_subscribe(peer);
}

void command_churn(void)
{
    int count = (int)number("inflight", 16);
    static int runs = 1;
    struct peer **peers = new_peers(count, false, rejoin, handshake_lost);
    for (int i = 0; i < count; i++) {
        peers[i]->index = 1000000 * runs + i; /* a user id that no subscriber and no earlier run has */
        peers[i]->is_member = true;
        connect_peer(peers[i]);
        peers[i]->depth = TO_CHANNELS;
    }
    runs++;
    measure("");
    free_peers(peers, count);
}
