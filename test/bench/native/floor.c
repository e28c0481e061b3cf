/*
 * The kernel's part of the cost of a fan-out: sends the same bytes to the same sockets as a server, with almost no other
 * work. It accepts every subscription and every event without a check, and has one channel.
 *   floor send   one send(2) per event and socket
 *   floor join   joins events that arrive together: one send(2) per socket
 * Prints its port.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FILES 200000
#define BUFFER_SIZE (1 << 18)

struct client {
    int place; /* index in `subscribers`, -1: not subscribed */
    uint8_t *rest;
    size_t rest_length;
};

static struct client clients[MAX_FILES];
static int subscribers[MAX_FILES], subscriber_count, loop_fd, listener;
static bool joins;
static uint8_t buffer[BUFFER_SIZE * 2], joined[BUFFER_SIZE * 4];
static size_t joined_length;

static void put(int fd, const void *bytes, size_t length)
{
    /* A reader that is too slow loses the event; the generator counts it as missing. */
    (void)!send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static size_t frame(uint8_t *out, const char *text, size_t length)
{
    size_t at = 0;
    out[at++] = 0x81;
    if (length < 126) {
        out[at++] = (uint8_t)length;
    } else {
        out[at++] = 126;
        out[at++] = (uint8_t)(length >> 8);
        out[at++] = (uint8_t)length;
    }
    memcpy(out + at, text, length);
    return at + length;
}

static void send_text(int fd, const char *text)
{
    uint8_t out[512];
    put(fd, out, frame(out, text, strlen(text)));
}

static void deliver(const uint8_t *bytes, size_t length)
{
    for (int i = 0; i < subscriber_count; i++)
        put(subscribers[i], bytes, length);
}

static void publish(const char *data, size_t length)
{
    static char text[BUFFER_SIZE];
    uint8_t *out = joins ? joined + joined_length : joined;
    int text_length = snprintf(text, sizeof text, "{\"event\":\"bench\",\"channel\":\"bench-0\",\"data\":\"%.*s\"}", (int)length, data);
    size_t framed = frame(out, text, (size_t)text_length);
    if (joins)
        joined_length += framed;
    else
        deliver(out, framed);
}

static void close_client(int fd)
{
    struct client *client = &clients[fd];
    if (client->place >= 0) {
        int last = subscribers[--subscriber_count];
        subscribers[client->place] = last;
        clients[last].place = client->place;
    }
    free(client->rest);
    *client = (struct client){.place = -1};
    close(fd);
}

static void accept_upgrade(int fd)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char text[200];
    put(fd, answer, sizeof answer - 1);
    snprintf(text, sizeof text,
             "{\"event\":\"pusher:connection_established\",\"data\":\"{\\\"socket_id\\\":\\\"%d.1\\\",\\\"activity_timeout\\\":120}\"}", fd);
    send_text(fd, text);
}

/* Both return the number of bytes read; 0: incomplete. */
static size_t read_request(int fd, const uint8_t *bytes, size_t length)
{
    const uint8_t *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t whole = (size_t)(end - bytes) + 4;
    if (bytes[0] == 'G') {
        accept_upgrade(fd);
        return whole;
    }
    const char *size = memmem(bytes, whole, "Content-Length: ", 16);
    size_t body = size ? strtoul(size + 16, NULL, 10) : 0;
    if (length < whole + body)
        return 0;
    const uint8_t *at = bytes + whole, *stop = at + body;
    while ((at = memmem(at, (size_t)(stop - at), "\"data\":\"", 8))) {
        const uint8_t *quote = memchr(at + 8, '"', (size_t)(stop - at - 8));
        if (!quote)
            break;
        publish((const char *)at + 8, (size_t)(quote - at - 8));
        at = quote;
    }
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    put(fd, answer, sizeof answer - 1);
    return whole + body;
}

static size_t read_frame(int fd, const uint8_t *bytes, size_t length)
{
    if (length < 2)
        return 0;
    size_t payload = bytes[1] & 127, header = 6;
    if (payload == 126) {
        if (length < 4)
            return 0;
        payload = (size_t)bytes[2] << 8 | bytes[3];
        header = 8;
    }
    if (length < header + payload)
        return 0;
    /* The generator sends no other message that matters, and masks with zeros. */
    if (memmem(bytes + header, payload, "pusher:subscribe", 16) && clients[fd].place < 0) {
        clients[fd].place = subscriber_count;
        subscribers[subscriber_count++] = fd;
        send_text(fd, "{\"event\":\"pusher_internal:subscription_succeeded\",\"channel\":\"bench-0\",\"data\":\"{}\"}");
    }
    return header + payload;
}

static void read_client(int fd)
{
    struct client *client = &clients[fd];
    size_t have = client->rest_length, at = 0;
    if (have)
        memcpy(buffer, client->rest, have);
    ssize_t got = recv(fd, buffer + have, BUFFER_SIZE, 0);
    if (got <= 0) {
        close_client(fd);
        return;
    }
    have += (size_t)got;
    while (at < have) {
        bool is_frame = buffer[at] & 0x80;
        size_t consumed = is_frame ? read_frame(fd, buffer + at, have - at) : read_request(fd, buffer + at, have - at);
        if (!consumed)
            break;
        at += consumed;
    }
    free(client->rest);
    client->rest_length = have - at;
    client->rest = have > at ? malloc(have - at) : NULL;
    if (client->rest)
        memcpy(client->rest, buffer + at, have - at);
}

static void accept_client(void)
{
    int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (fd >= MAX_FILES) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(loop_fd, EPOLL_CTL_ADD, fd, &event);
    clients[fd].place = -1;
}

static void start(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
        perror("listen");
        exit(1);
    }
    getsockname(listener, (struct sockaddr *)&address, &size);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(loop_fd, EPOLL_CTL_ADD, listener, &event);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct epoll_event events[512];
    joins = argc > 1 && !strcmp(argv[1], "join");
    start();
    for (;;) {
        /* Events that are sent together arrive on several connections: delivers them after 1 ms without another. */
        int count = epoll_wait(loop_fd, events, 512, joined_length ? 1 : -1);
        if (count == 0 && joined_length) {
            deliver(joined, joined_length);
            joined_length = 0;
        }
        for (int i = 0; i < count; i++)
            if (events[i].data.fd == listener)
                accept_client();
            else
                read_client(events[i].data.fd);
    }
}
