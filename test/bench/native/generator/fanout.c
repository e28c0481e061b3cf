/*
 * Command `fanout`: publishes events to the subscribers' channels. Without a rate it sends the next burst when the last one
 * has arrived everywhere. With a rate it sends events when they are due, however slow the server is, and measures latency
 * from that time.
 */
#include "command.h"
#include "http.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSTERS 64
#define TIMEOUT_NS 5000000000u

static struct peer *posters[POSTERS], *prober;
static uint64_t *waiting; /* ring of due times of events for which no poster is free */
static size_t waiting_size = 1 << 16, waiting_from, waiting_to;
static uint64_t sent, answers, refused, lost, expected;
static uint64_t probe_due, probes;
static struct histogram probe_latency;
static char requests[POSTERS][REQUEST_SIZE], data[9000];
static int size, batch;
static uint32_t random_state = 1;

static int next_channel(void)
{
    if (subscribers.channels < 2)
        return 0;
    random_state = random_state * 1664525u + 1013904223u;
    return (int)((uint64_t)random_state * (uint64_t)subscribers.channels >> 32);
}

static char *compose(int at, uint64_t due)
{
    struct peer all = {.is_member = subscribers.count && subscribers.peers[0]->is_member};
    char name[64];
    int channel = next_channel(), events = batch ? batch : 1;
    channel_name(&all, channel, name, sizeof name);
    event_data(data, due, size);
    event_request(requests[at], name, data, batch);
    sent += (uint64_t)events;
    expected += (uint64_t)(events * (subscribers.on ? subscribers.on[channel] : 0));
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
        publish(poster, waiting[waiting_from++ % waiting_size]);
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

/* Publishes on a free connection, or as soon as one is free. */
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
    if (waiting_to - waiting_from < waiting_size)
        waiting[waiting_to++ % waiting_size] = due;
}

/* Publishes a burst: composes all requests before it sends them, so that they arrive close together. All posters are free. */
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
    histogram_add(&probe_latency, clock_ns() - probe_due);
}

/* Publishes an event without subscribers on a separate connection and measures the time until its answer. */
static void probe(uint64_t due)
{
    static char request_of_probe[REQUEST_SIZE];
    if (!prober) {
        prober = new_poster(0);
        prober->answered = probe_answered;
    }
    if (prober->is_busy)
        return;
    probe_due = due;
    event_data(data, due, size);
    event_request(request_of_probe, "bench-unused", data, 0);
    http_send(prober, request_of_probe);
}

static bool all_arrived(void)
{
    return received.deliveries >= expected && waiting_from == waiting_to && answers * (uint64_t)(batch ? batch : 1) >= sent;
}

/* Waits for all deliveries; returns false after a timeout. */
static bool wait_for_deliveries(uint64_t timeout_ns)
{
    uint64_t until = clock_ns() + timeout_ns;
    while (!all_arrived() && clock_ns() < until)
        loop_turn(10);
    return all_arrived();
}

static void clear(void)
{
    sent = answers = refused = lost = expected = probes = 0;
    waiting_from = waiting_to = 0;
    received.from = clock_ns();
    received.deliveries = received.refusals = 0;
    histogram_clear(&received.latency);
    histogram_clear(&probe_latency);
}

/* Closed loop: ends with a complete burst, so that the interval covers exactly its deliveries. */
static bool closed_loop(int burst, double seconds)
{
    uint64_t end = clock_ns() + (uint64_t)(seconds * 1e9);
    while (clock_ns() < end) {
        submit_together(burst);
        if (!wait_for_deliveries(TIMEOUT_NS))
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
           "\"meanMs\":%.4f,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f,\"probes\":%llu,\"probeP50Ms\":%.4f,\"probeP99Ms\":%.4f}\n",
           (unsigned long long)sent, (unsigned long long)received.deliveries, (unsigned long long)in_time,
           (long long)expected - (long long)received.deliveries, (unsigned long long)refused, (unsigned long long)lost,
           is_whole ? "true" : "false", histogram_mean_ms(&received.latency), histogram_ms(&received.latency, 0.5), histogram_ms(&received.latency, 0.99),
           (double)received.latency.largest / 1e6, (unsigned long long)probes, histogram_ms(&probe_latency, 0.5),
           histogram_ms(&probe_latency, 0.99));
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
        waiting = calloc(waiting_size, sizeof *waiting);
    clear();
    if (rate > 0)
        open_loop(rate, probe_rate, number("warmup", 0.2));
    else
        is_whole = closed_loop(burst > POSTERS ? POSTERS : burst, number("warmup", 0.2));
    is_whole = wait_for_deliveries(TIMEOUT_NS) && is_whole;
    clear();
    interval_begin(&interval);
    if (rate > 0)
        open_loop(rate, probe_rate, seconds);
    else if (is_whole)
        is_whole = closed_loop(burst > POSTERS ? POSTERS : burst, seconds);
    interval_end(&interval);
    uint64_t in_time = received.deliveries;
    if (rate > 0)
        is_whole = wait_for_deliveries((uint64_t)(number("grace", 2) * 1e9));
    report(&interval, in_time, is_whole);
    if (prober)
        peer_close(prober);
    for (int i = 0; i < POSTERS && posters[i]; i++)
        peer_close(posters[i]);
}
