/* open: so many subscribers more, spread over the channels. rest: they only sit there. close: all are gone. */
#include "command.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS 10000000000u

struct crowd crowd;

static void guest_settled(struct peer *peer)
{
    (void)peer;
    crowd.settled++;
}

static void guest_ended(struct peer *peer)
{
    if (peer->stage == SETTLED)
        crowd.settled--;
    crowd.failed++;
    for (int i = 0; i < peer->per; i++)
        crowd.on[(peer->first + i) % peer->channels]--;
    peer_close(peer);
}

static void invite(int index, int per, int channels, bool is_member)
{
    struct peer *guest = crowd.guests[index] = peer_new(index);
    guest->per = per;
    guest->channels = channels;
    guest->first = (int)((long)index * per % channels);
    guest->is_member = is_member;
    guest->settled = guest_settled;
    guest->ended = guest_ended;
    for (int i = 0; i < per; i++)
        crowd.on[(guest->first + i) % channels]++;
    peer_open(guest);
}

/* Some at a time; gives up when nothing comes any more. */
static void gather(int from, int to, int together, int per, bool is_member)
{
    int opened = from, before = -1;
    uint64_t progress = clock_ns();
    while (crowd.settled + crowd.failed < to && clock_ns() - progress < PATIENCE_NS) {
        while (opened < to && opened - crowd.settled - crowd.failed < together)
            invite(opened++, per, crowd.channels, is_member);
        loop_turn(100);
        if (crowd.settled + crowd.failed != before) {
            before = crowd.settled + crowd.failed;
            progress = clock_ns();
        }
    }
    crowd.count = opened;
}

void command_open(void)
{
    int from = crowd.count, to = from + (int)number("n", 1), channels = (int)number("channels", 1);
    if (!crowd.on || channels != crowd.channels) {
        free(crowd.on);
        crowd.on = calloc((size_t)channels, sizeof *crowd.on);
        crowd.channels = channels;
    }
    crowd.guests = realloc(crowd.guests, (size_t)to * sizeof *crowd.guests);
    struct interval interval;
    interval_begin(&interval);
    gather(from, to, (int)number("together", 64), (int)number("per", 1), number("presence", 0) > 0);
    interval_end(&interval);
    printf("{");
    interval_print(&interval);
    printf("\"open\":%d,\"failed\":%d}\n", crowd.settled, crowd.failed);
}

void command_close(void)
{
    for (int i = 0; i < crowd.count; i++) {
        peer_close(crowd.guests[i]);
        free(crowd.guests[i]);
    }
    free(crowd.guests);
    free(crowd.on);
    crowd = (struct crowd){0};
    printf("{}\n");
}

/* With `ping` each says pusher:ping every so many seconds, as clients in silence do. */
void command_rest(void)
{
    double ping = number("ping", 0), seconds = number("seconds", 1);
    uint64_t said = 0;
    struct interval interval;
    interval_begin(&interval);
    uint64_t end = interval.from_ns + (uint64_t)(seconds * 1e9);
    for (uint64_t at = clock_ns(); at < end; at = clock_ns()) {
        double due = ping > 0 ? (double)crowd.settled * (double)(at - interval.from_ns) / 1e9 / ping : 0;
        for (; crowd.count && (double)said < due; said++) {
            struct peer *guest = crowd.guests[said % (uint64_t)crowd.count];
            if (guest->stage == SETTLED)
                websocket_say(guest, "{\"event\":\"pusher:ping\",\"data\":{}}");
        }
        loop_turn(10);
    }
    interval_end(&interval);
    printf("{");
    interval_print(&interval);
    printf("\"open\":%d,\"pings\":%llu}\n", crowd.settled, (unsigned long long)said);
}
