#define _GNU_SOURCE
#include "websocket.h"
#include "digest.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct received received;

void websocket_upgrade(struct peer *peer)
{
    char request[600];
    int length = snprintf(request, sizeof request,
                          "GET %s%s%s HTTP/1.1\r\nHost: %s:%d\r\nOrigin: http://%s\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                          peer->depth == TO_UPGRADE ? "/bare" : "/app/", peer->depth == TO_UPGRADE ? "" : target.key,
                          peer->depth == TO_UPGRADE ? "" : "?protocol=7&client=bench&version=1.0", target.host, target.port,
                          target.host);
    peer_send(peer, request, (size_t)length);
}

/* Masks with zeros, which leaves the text unchanged. */
static size_t put_frame(uint8_t *out, int opcode, const char *text, size_t length)
{
    size_t at = 0;
    out[at++] = (uint8_t)(0x80 | opcode);
    if (length < 126) {
        out[at++] = (uint8_t)(0x80 | length);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(length >> 8);
        out[at++] = (uint8_t)length;
    }
    memset(out + at, 0, 4);
    memcpy(out + at + 4, text, length);
    return at + 4 + length;
}

void websocket_send_text(struct peer *peer, const char *text)
{
    uint8_t frame[2048];
    peer_send(peer, frame, put_frame(frame, 1, text, strlen(text)));
}

void channel_name(const struct peer *peer, int channel, char *name, size_t size)
{
    snprintf(name, size, peer->is_member ? "presence-bench-%d" : "bench-%d", channel);
}

/* Members sign, each time as another user. */
static void subscription(struct peer *peer, int channel, char *text, size_t size)
{
    char name[64], data[128], signed_text[300], hex[65];
    channel_name(peer, channel, name, sizeof name);
    if (!peer->is_member) {
        snprintf(text, size, "{\"event\":\"pusher:subscribe\",\"data\":{\"auth\":\"\",\"channel\":\"%s\"}}", name);
        return;
    }
    snprintf(data, sizeof data, "{\"user_id\":\"%d-%u\",\"user_info\":{\"name\":\"Bench\"}}", peer->index, peer->subscribe_count);
    int length = snprintf(signed_text, sizeof signed_text, "%s:%s:%s", peer->socket_id, name, data);
    hmac_sha256_hex(target.secret, signed_text, (size_t)length, hex);
    snprintf(text, size,
             "{\"event\":\"pusher:subscribe\",\"data\":{\"auth\":\"%s:%s\",\"channel\":\"%s\",\"channel_data\":"
             "\"{\\\"user_id\\\":\\\"%d-%u\\\",\\\"user_info\\\":{\\\"name\\\":\\\"Bench\\\"}}\"}}",
             target.key, hex, name, peer->index, peer->subscribe_count);
}

void websocket_subscribe(struct peer *peer)
{
    static uint8_t frames[1 << 17];
    char text[700];
    size_t at = 0;
    peer->stage = SUBSCRIBING;
    peer->subscribed = 0;
    peer->subscribe_count++;
    for (int i = 0; i < peer->per && at + sizeof text + 16 < sizeof frames; i++) {
        subscription(peer, (peer->first + i) % peer->channels, text, sizeof text);
        at += put_frame(frames + at, 1, text, strlen(text));
    }
    peer_send(peer, frames, at);
}

static void become_ready(struct peer *peer)
{
    peer->stage = READY;
    if (peer->ready)
        peer->ready(peer);
}

static void established(struct peer *peer, const uint8_t *text, size_t length)
{
    const uint8_t *at = memmem(text, length, "socket_id", 9), *end = text + length;
    size_t put = 0;
    while (at && at < end && !isdigit(*at))
        at++;
    while (at && at < end && (isdigit(*at) || *at == '.') && put < sizeof peer->socket_id - 1)
        peer->socket_id[put++] = (char)*at++;
    peer->socket_id[put] = 0;
    if (peer->depth == TO_ESTABLISHED || peer->per == 0)
        become_ready(peer);
    else
        websocket_subscribe(peer);
}

static bool contains(const uint8_t *text, size_t length, const char *part)
{
    return memmem(text, length, part, strlen(part)) != NULL;
}

/* Counts an event of a measurement. The position of its mark seldom changes: checks the last position first. */
static bool delivery(const uint8_t *text, size_t length)
{
    static size_t place;
    const uint8_t *at = text + place;
    if (place + 23 > length || memcmp(at, DUE, 4)) {
        at = memmem(text, length, DUE, 4);
        if (!at || at + 23 > text + length)
            return false;
        place = (size_t)(at - text);
    }
    uint64_t due = 0;
    for (int i = 4; i < 23; i++)
        due = due * 10 + (uint64_t)(at[i] - '0');
    if (due < received.from)
        return true;
    received.deliveries++;
    histogram_add(&received.latency, now > due ? now - due : 0);
    return true;
}

static void read_text(struct peer *peer, const uint8_t *text, size_t length)
{
    if (delivery(text, length))
        return;
    if (peer->stage == ESTABLISHING && contains(text, length, "pusher:connection_established"))
        established(peer, text, length);
    else if (contains(text, length, "subscription_succeeded")) {
        if (peer->stage == SUBSCRIBING && ++peer->subscribed >= peer->per)
            become_ready(peer);
    } else if (contains(text, length, "member_added"))
        received.arrivals++;
    else if (contains(text, length, "pusher:ping"))
        websocket_send_text(peer, "{\"event\":\"pusher:pong\",\"data\":{}}");
    else if (contains(text, length, "pusher:error") || contains(text, length, "subscription_error")) {
        record_error("refused: ", text, length);
        received.refusals++;
        if (peer->stage != READY)
            peer_lost(peer);
    }
}

static size_t upgraded(struct peer *peer, const uint8_t *bytes, size_t length)
{
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (length < 12 || memcmp(bytes + 8, " 101", 4)) {
        record_error("no upgrade: ", bytes, length);
        peer_lost(peer);
        return length;
    }
    peer->stage = ESTABLISHING;
    if (peer->depth == TO_UPGRADE)
        become_ready(peer);
    return (size_t)(end - bytes) + 4;
}

/* Reads one frame; the servers do not fragment messages. */
size_t websocket_read(struct peer *peer, const uint8_t *bytes, size_t length)
{
    if (peer->stage == UPGRADING)
        return upgraded(peer, bytes, length);
    if (length < 2)
        return 0;
    size_t header = 2, payload = bytes[1] & 127, extra = payload == 126 ? 2 : payload == 127 ? 8 : 0;
    if (length < header + extra)
        return 0;
    if (extra)
        payload = 0;
    for (size_t i = 0; i < extra; i++)
        payload = payload << 8 | bytes[2 + i];
    header += extra;
    if (length < header + payload)
        return 0;
    const uint8_t *text = bytes + header;
    int opcode = bytes[0] & 15;
    if (opcode == 1)
        read_text(peer, text, payload);
    else if (opcode == 9 && payload < 126) {
        uint8_t pong[140];
        peer_send(peer, pong, put_frame(pong, 10, (const char *)text, payload));
    } else if (opcode == 8) {
        record_error("closed: ", text + 2, payload > 2 ? payload - 2 : 0);
        peer_lost(peer);
    }
    return header + payload;
}
