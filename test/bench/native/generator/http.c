#define _GNU_SOURCE
#include "http.h"
#include "digest.h"
#include "websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void event_data(char *out, uint64_t due, int size)
{
    int at = sprintf(out, DUE "%019llu;", (unsigned long long)due);
    while (at < size)
        out[at++] = 'x';
    out[at] = 0;
}

static int put_body(char *body, const char *channel, const char *data, int batch)
{
    if (!batch)
        return sprintf(body, "{\"name\":\"bench\",\"channels\":[\"%s\"],\"data\":\"%s\"}", channel, data);
    int at = sprintf(body, "{\"batch\":[");
    for (int i = 0; i < batch; i++)
        at += sprintf(body + at, "%s{\"name\":\"bench\",\"channel\":\"%s\",\"data\":\"%s\"}", i ? "," : "", channel, data);
    return at + sprintf(body + at, "]}");
}

static void put_request(char *out, const char *path, const char *body, int length)
{
    sprintf(out, "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path,
            target.host, target.port, length, body);
}

void event_request(char *out, const char *channel, const char *data, int batch)
{
    static char body[REQUEST_SIZE];
    char path[128], query[400], text[600], hex[65], whole[800];
    int length = put_body(body, channel, data, batch);
    md5_hex(body, (size_t)length, hex);
    snprintf(path, sizeof path, "/apps/%s/%s", target.id, batch ? "batch_events" : "events");
    snprintf(query, sizeof query, "auth_key=%s&auth_timestamp=%lld&auth_version=1.0&body_md5=%s", target.key,
             (long long)time(NULL), hex);
    int signed_length = snprintf(text, sizeof text, "POST\n%s\n%s", path, query);
    hmac_sha256_hex(target.secret, text, (size_t)signed_length, hex);
    snprintf(whole, sizeof whole, "%s?%s&auth_signature=%s", path, query, hex);
    put_request(out, whole, body, length);
}

void plain_request(char *out, const char *data)
{
    static char body[REQUEST_SIZE];
    put_request(out, "/echo", body, put_body(body, "bench-0", data, 0));
}

void http_send(struct peer *peer, const char *request)
{
    peer->is_busy = true;
    peer->speaks_http = true;
    if (peer->stage == READY) {
        peer_send(peer, request, strlen(request));
        return;
    }
    peer->unsent = strdup(request);
    peer_open(peer);
}

static const char *header(const uint8_t *bytes, const uint8_t *end, const char *name)
{
    size_t length = strlen(name);
    for (const uint8_t *at = bytes; at < end; at++)
        if (*at == '\n' && !strncasecmp((const char *)at + 1, name, length))
            return (const char *)at + 1 + length;
    return NULL;
}

static void answered(struct peer *peer, const uint8_t *bytes, size_t length, bool is_last)
{
    int status = length > 12 ? atoi((const char *)bytes + 9) : 0;
    if (status != 200)
        record_error("answered: ", bytes, length);
    if (is_last)
        peer_close(peer);
    peer->is_busy = false;
    if (peer->answered)
        peer->answered(peer, status);
}

/* Reads one complete answer. One with neither a length nor chunks ends with its connection. */
size_t http_read(struct peer *peer, const uint8_t *bytes, size_t length)
{
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t whole = (size_t)(end - bytes) + 4;
    const char *size = header(bytes, end, "content-length:");
    if (size) {
        whole += strtoul(size, NULL, 10);
    } else {
        const char *coding = header(bytes, end, "transfer-encoding:");
        const uint8_t *last = coding ? memmem(bytes + whole - 4, length - whole + 4, "\r\n0\r\n\r\n", 7) : NULL;
        if (!last)
            return 0;
        whole = (size_t)(last - bytes) + 7;
    }
    if (length < whole)
        return 0;
    const char *connection = header(bytes, end, "connection:");
    bool is_last = !memcmp(bytes, "HTTP/1.0", 8) || (connection && !strncasecmp(connection, " close", 6));
    answered(peer, bytes, whole, is_last);
    return whole;
}

void http_closed(struct peer *peer, const uint8_t *bytes, size_t length)
{
    if (peer->is_busy && length > 12)
        answered(peer, bytes, length, true);
    else if (peer->is_busy)
        peer_lost(peer);
    else
        peer_close(peer);
}
