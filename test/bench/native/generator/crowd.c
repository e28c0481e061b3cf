/* Commands `open`: opens more subscribers, distributed over the channels; `idle`: they send nothing but pings; `close`: closes all. */
#include "command.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_NS 10000000000u

struct subscribers subscribers;
/* Times from connecting to the last answer, of the present `open`. */
static struct histogram open_latency;

static void subscriber_ready(struct peer *peer)
{
    histogram_add(&open_latency, clock_ns() - peer->since);
    subscribers.ready++;
}

static void subscriber_ended(struct peer *peer)
{
    if (peer->stage == READY)
        subscribers.ready--;
    subscribers.failed++;
    for (int i = 0; i < peer->per; i++)
        subscribers.on[(peer->first + i) % peer->channels]--;
    peer_close(peer);
}

static void open_subscriber(int index, int per, int channels, bool is_member)
{
    struct peer *peer = subscribers.peers[index] = peer_new(index);
    peer->per = per;
    peer->channels = channels;
    peer->first = (int)((long)index * per % channels);
    peer->is_member = is_member;
    peer->ready = subscriber_ready;
    peer->ended = subscriber_ended;
    for (int i = 0; i < per; i++)
        subscribers.on[(peer->first + i) % channels]++;
    peer_open(peer);
}

/* Opens subscribers, `together` at a time; gives up after a time without progress. */
static void open_all(int from, int to, int together, int per, bool is_member)
{
    int opened = from, before = -1;
    uint64_t progress = clock_ns();
    while (subscribers.ready + subscribers.failed < to && clock_ns() - progress < TIMEOUT_NS) {
        while (opened < to && opened - subscribers.ready - subscribers.failed < together)
            open_subscriber(opened++, per, subscribers.channels, is_member);
        loop_turn(100);
        if (subscribers.ready + subscribers.failed != before) {
            before = subscribers.ready + subscribers.failed;
            progress = clock_ns();
        }
    }
    subscribers.count = opened;
}

void command_open(void)
{
    int from = subscribers.count, to = from + (int)number("n", 1), channels = (int)number("channels", 1);
    if (!subscribers.on || channels != subscribers.channels) {
        free(subscribers.on);
        subscribers.on = calloc((size_t)channels, sizeof *subscribers.on);
        subscribers.channels = channels;
    }
    subscribers.peers = realloc(subscribers.peers, (size_t)to * sizeof *subscribers.peers);
    struct interval interval;
    histogram_clear(&open_latency);
    interval_begin(&interval);
    open_all(from, to, (int)number("together", 64), (int)number("per", 1), number("presence", 0) > 0);
    interval_end(&interval);
    printf("{");
    interval_print(&interval);
    printf("\"open\":%d,\"failed\":%d,\"meanMs\":%.4f,\"p99Ms\":%.4f}\n", subscribers.ready, subscribers.failed,
           histogram_mean_ms(&open_latency), histogram_ms(&open_latency, 0.99));
}

void command_close(void)
{
    for (int i = 0; i < subscribers.count; i++) {
        peer_close(subscribers.peers[i]);
        free(subscribers.peers[i]);
    }
    free(subscribers.peers);
    free(subscribers.on);
    subscribers = (struct subscribers){0};
    printf("{}\n");
}

/* With `ping` each subscriber sends pusher:ping at this interval in seconds, as idle clients do. */
void command_idle(void)
{
    double ping = number("ping", 0), seconds = number("seconds", 1);
    uint64_t pings = 0;
    struct interval interval;
    interval_begin(&interval);
    uint64_t end = interval.from_ns + (uint64_t)(seconds * 1e9);
    for (uint64_t at = clock_ns(); at < end; at = clock_ns()) {
        double due = ping > 0 ? (double)subscribers.ready * (double)(at - interval.from_ns) / 1e9 / ping : 0;
        for (; subscribers.count && (double)pings < due; pings++) {
            struct peer *peer = subscribers.peers[pings % (uint64_t)subscribers.count];
            if (peer->stage == READY)
                websocket_send_text(peer, "{\"event\":\"pusher:ping\",\"data\":{}}");
        }
        loop_turn(10);
    }
    interval_end(&interval);
    printf("{");
    interval_print(&interval);
    printf("\"open\":%d,\"pings\":%llu}\n", subscribers.ready, (unsigned long long)pings);
}
