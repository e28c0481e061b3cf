/* Closed loops of many that each do the same over and over: requests, handshakes, comings and goings. */
#include "command.h"
#include "http.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL 256

static uint64_t rounds, bad;
static struct spread latency;
static enum depth wanted;
static char *requests[POOL];

static struct peer **troop(int count, bool speaks_http, void (*turn)(struct peer *), void (*ended)(struct peer *))
{
    struct peer **peers = calloc((size_t)count, sizeof *peers);
    for (int i = 0; i < count; i++) {
        peers[i] = peer_new(i);
        peers[i]->speaks_http = speaks_http;
        peers[i]->settled = turn;
        peers[i]->ended = ended;
    }
    return peers;
}

static void disband(struct peer **peers, int count)
{
    for (int i = 0; i < count; i++) {
        peer_close(peers[i]);
        free(peers[i]);
    }
    free(peers);
}

/* A warm-up that is not counted, then the interval. */
static void measure(const char *more)
{
    struct interval interval;
    run_until(clock_ns() + (uint64_t)(number("warmup", 0.2) * 1e9));
    rounds = bad = hearing.arrivals = 0;
    spread_clear(&latency);
    interval_begin(&interval);
    run_until(clock_ns() + (uint64_t)(number("seconds", 1) * 1e9));
    interval_end(&interval);
    printf("{");
    interval_print(&interval);
    printf("\"rounds\":%llu,\"bad\":%llu,\"arrivals\":%llu,%s\"p50Ms\":%.4f,\"p99Ms\":%.4f}\n", (unsigned long long)rounds,
           (unsigned long long)bad, (unsigned long long)hearing.arrivals, more, spread_ms(&latency, 0.5),
           spread_ms(&latency, 0.99));
}

static void turned(const struct peer *peer)
{
    rounds++;
    spread_add(&latency, clock_ns() - peer->since);
}

/* ---- post: signed beforehand, so that the server is what takes the time */

static void post_again(struct peer *peer)
{
    static int at;
    peer->since = clock_ns();
    http_send(peer, requests[at = (at + 1) % POOL]);
}

static void posted(struct peer *peer, int status)
{
    bad += status != 200;
    turned(peer);
    post_again(peer);
}

static void post_lost(struct peer *peer)
{
    bad++;
    peer_close(peer);
}

void command_post(void)
{
    static char request[REQUEST_ROOM], data[9000];
    int count = (int)number("inflight", 32), batch = (int)number("batch", 0), size = (int)number("size", 256);
    for (int i = 0; i < POOL; i++) {
        event_data(data, clock_ns(), size);
        if (number("plain", 0) > 0)
            plain_request(request, data);
        else
            event_request(request, "bench-nobody", data, batch);
        free(requests[i]);
        requests[i] = strdup(request);
    }
    struct peer **peers = troop(count, true, NULL, post_lost);
    for (int i = 0; i < count; i++) {
        peers[i]->answered = posted;
        post_again(peers[i]);
    }
    measure("");
    disband(peers, count);
}

/* ---- visit: connect, enter, leave without a word, come again */

static void come(struct peer *peer)
{
    peer->per = peer->channels = 1;
    peer->depth = (uint8_t)wanted;
    peer_open(peer);
}

static void visited(struct peer *peer)
{
    turned(peer);
    peer_close(peer);
    come(peer);
}

static void visit_lost(struct peer *peer)
{
    bad++;
    peer_close(peer);
}

void command_visit(void)
{
    int count = (int)number("inflight", 32);
    wanted = number("bare", 0) > 0 ? TO_UPGRADE : TO_CHANNELS;
    struct peer **peers = troop(count, false, visited, visit_lost);
    for (int i = 0; i < count; i++)
        come(peers[i]);
    measure("");
    disband(peers, count);
}

/* ---- churn: members that enter and leave one presence channel, seen by the crowd */

static void enter_again(struct peer *peer)
{
    if (peer->life) {
        turned(peer);
        websocket_say(peer, "{\"event\":\"pusher:unsubscribe\",\"data\":{\"channel\":\"presence-bench-0\"}}");
    }
    peer->since = clock_ns();
    websocket_enter(peer);
}

void command_churn(void)
{
    int count = (int)number("inflight", 16);
    static int troops = 1;
    struct peer **peers = troop(count, false, enter_again, visit_lost);
    for (int i = 0; i < count; i++) {
        peers[i]->index = 1000000 * troops + i; /* nobody whom the crowd or an earlier troop has */
        peers[i]->is_member = true;
        come(peers[i]);
        peers[i]->depth = TO_CHANNELS;
    }
    troops++;
    measure("");
    disband(peers, count);
}
