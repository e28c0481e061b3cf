/*
 * fanout: events to the channels of the crowd. Without a rate the next burst leaves when the last one has arrived
 * everywhere. With one, events leave when they are due, whatever the server does, and latency counts from then.
 */
#include "command.h"
#include "http.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSTERS 64
#define PATIENCE_NS 5000000000u

static struct peer *posters[POSTERS], *prober;
static uint64_t *waiting; /* due, and no poster is free: a ring */
static size_t waiting_room = 1 << 16, waiting_from, waiting_to;
static uint64_t sent, answers, refused, lost, expected;
static uint64_t probe_due, probes;
static struct spread probe_latency;
static char requests[POSTERS][REQUEST_ROOM], data[9000];
static int size, batch;
static uint32_t chance = 1;

static int next_channel(void)
{
    if (crowd.channels < 2)
        return 0;
    chance = chance * 1664525u + 1013904223u;
    return (int)((uint64_t)chance * (uint64_t)crowd.channels >> 32);
}

static char *compose(int at, uint64_t due)
{
    struct peer all = {.is_member = crowd.count && crowd.guests[0]->is_member};
    char name[64];
    int channel = next_channel(), events = batch ? batch : 1;
    channel_name(&all, channel, name, sizeof name);
    event_data(data, due, size);
    event_request(requests[at], name, data, batch);
    sent += (uint64_t)events;
    expected += (uint64_t)(events * (crowd.on ? crowd.on[channel] : 0));
    return requests[at];
}

static void publish(struct peer *poster, uint64_t due)
{
    http_send(poster, compose(poster->index, due));
}

static void poster_answered(struct peer *poster, int status)
{
    answers++;
    if (status != 200)
        refused++;
    if (waiting_from < waiting_to)
        publish(poster, waiting[waiting_from++ % waiting_room]);
}

static void poster_ended(struct peer *poster)
{
    lost += poster->is_busy;
    answers += poster->is_busy;
    peer_close(poster);
}

static struct peer *new_poster(int index)
{
    struct peer *poster = peer_new(index);
    poster->speaks_http = true;
    poster->answered = poster_answered;
    poster->ended = poster_ended;
    return poster;
}

/* On a free connection, or when one gets free. */
static void submit(uint64_t due)
{
    for (int i = 0; i < POSTERS; i++) {
        if (!posters[i])
            posters[i] = new_poster(i);
        if (!posters[i]->is_busy) {
            publish(posters[i], due);
            return;
        }
    }
    if (waiting_to - waiting_from < waiting_room)
        waiting[waiting_to++ % waiting_room] = due;
}

/* Written first and sent then, so that they arrive as close to one another as can be. All posters are free. */
static void submit_together(int burst)
{
    uint64_t due = clock_ns();
    for (int i = 0; i < burst; i++) {
        if (!posters[i])
            posters[i] = new_poster(i);
        compose(i, due);
    }
    for (int i = 0; i < burst; i++)
        http_send(posters[i], requests[i]);
}

static void probe_answered(struct peer *peer, int status)
{
    (void)peer;
    refused += status != 200;
    probes++;
    spread_add(&probe_latency, clock_ns() - probe_due);
}

/* An event that nobody hears, on a connection of its own: only its answer is waited for. */
static void probe(uint64_t due)
{
    static char request_of_probe[REQUEST_ROOM];
    if (!prober) {
        prober = new_poster(0);
        prober->answered = probe_answered;
    }
    if (prober->is_busy)
        return;
    probe_due = due;
    event_data(data, due, size);
    event_request(request_of_probe, "bench-nobody", data, 0);
    http_send(prober, request_of_probe);
}

static bool all_arrived(void)
{
    return hearing.deliveries >= expected && waiting_from == waiting_to && answers * (uint64_t)(batch ? batch : 1) >= sent;
}

/* True when everything arrived in time. */
static bool settle(uint64_t patience_ns)
{
    uint64_t until = clock_ns() + patience_ns;
    while (!all_arrived() && clock_ns() < until)
        loop_turn(10);
    return all_arrived();
}

static void clear(void)
{
    sent = answers = refused = lost = expected = probes = 0;
    waiting_from = waiting_to = 0;
    hearing.from = clock_ns();
    hearing.deliveries = hearing.refusals = 0;
    spread_clear(&hearing.latency);
    spread_clear(&probe_latency);
}

/* Closed loop: ends with a whole burst, so that the interval holds exactly what was delivered in it. */
static bool closed_loop(int burst, double seconds)
{
    uint64_t end = clock_ns() + (uint64_t)(seconds * 1e9);
    while (clock_ns() < end) {
        submit_together(burst);
        if (!settle(PATIENCE_NS))
            return false;
    }
    return true;
}

static void open_loop(double rate, double probe_rate, double seconds)
{
    uint64_t start = clock_ns(), end = start + (uint64_t)(seconds * 1e9);
    uint64_t step = (uint64_t)(1e9 / rate), due = start + step, probe_step = probe_rate > 0 ? (uint64_t)(1e9 / probe_rate) : 0;
    uint64_t next_probe = probe_step ? start + probe_step / 2 : end;
    for (uint64_t at = start; at < end; at = clock_ns()) {
        for (; due <= at; due += step)
            submit(due);
        for (; next_probe <= at && probe_step; next_probe += probe_step)
            probe(next_probe);
        loop_wake_at(due < next_probe ? due : next_probe);
        loop_turn(20);
    }
}

static void report(const struct interval *interval, uint64_t in_time, bool is_whole)
{
    printf("{");
    interval_print(interval);
    printf("\"events\":%llu,\"deliveries\":%llu,\"inTime\":%llu,\"missing\":%lld,\"refused\":%llu,\"lost\":%llu,\"whole\":%s,"
           "\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f,\"probes\":%llu,\"probeP50Ms\":%.4f,\"probeP99Ms\":%.4f}\n",
           (unsigned long long)sent, (unsigned long long)hearing.deliveries, (unsigned long long)in_time,
           (long long)expected - (long long)hearing.deliveries, (unsigned long long)refused, (unsigned long long)lost,
           is_whole ? "true" : "false", spread_ms(&hearing.latency, 0.5), spread_ms(&hearing.latency, 0.99),
           (double)hearing.latency.largest / 1e6, (unsigned long long)probes, spread_ms(&probe_latency, 0.5),
           spread_ms(&probe_latency, 0.99));
}

void command_fanout(void)
{
    double rate = number("rate", 0), probe_rate = number("probe", 0), seconds = number("seconds", 1);
    int burst = (int)number("burst", 1);
    bool is_whole = true;
    struct interval interval;
    size = (int)number("size", 256);
    batch = (int)number("batch", 0);
    if (!waiting)
        waiting = calloc(waiting_room, sizeof *waiting);
    clear();
    if (rate > 0)
        open_loop(rate, probe_rate, number("warmup", 0.2));
    else
        is_whole = closed_loop(burst > POSTERS ? POSTERS : burst, number("warmup", 0.2));
    is_whole = settle(PATIENCE_NS) && is_whole;
    clear();
    interval_begin(&interval);
    if (rate > 0)
        open_loop(rate, probe_rate, seconds);
    else if (is_whole)
        is_whole = closed_loop(burst > POSTERS ? POSTERS : burst, seconds);
    interval_end(&interval);
    uint64_t in_time = hearing.deliveries;
    if (rate > 0)
        is_whole = settle((uint64_t)(number("grace", 2) * 1e9));
    report(&interval, in_time, is_whole);
    if (prober)
        peer_close(prober);
    for (int i = 0; i < POSTERS && posters[i]; i++)
        peer_close(posters[i]);
}
