#define _GNU_SOURCE
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BUFFER_SIZE (1 << 20)
#define EVENTS 1024

struct target target;
uint64_t now;
char first_error[200];

static int loop_fd, timer_fd;
static uint8_t buffer[BUFFER_SIZE];
/* Marks of the epoll events of timer and stdin. */
static char timer_mark, stdin_mark;

void record_error(const char *what, const void *text, size_t length)
{
    if (*first_error)
        return;
    snprintf(first_error, sizeof first_error, "%s%.*s", what, (int)(length > 120 ? 120 : length), (const char *)text);
    for (char *at = first_error; *at; at++)
        if (*at == '"' || *at == '\\')
            *at = '\'';
        else if (*at < ' ')
            *at = ' ';
}

struct peer *peer_new(int index)
{
    struct peer *peer = calloc(1, sizeof *peer);
    peer->fd = -1;
    peer->index = index;
    peer->depth = TO_CHANNELS;
    return peer;
}

static void watch(struct peer *peer, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = peer};
    epoll_ctl(loop_fd, operation, peer->fd, &event);
}

void peer_open(struct peer *peer)
{
    static const struct linger reset = {1, 0}; /* closes with a reset, so that no TIME_WAIT remains */
    int one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target.port)};
    inet_pton(AF_INET, target.host, &address.sin_addr);
    peer->since = clock_ns();
    peer->stage = CONNECTING;
    peer->opening++;
    peer->subscribed = 0;
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (peer->fd >= 0) {
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (!connect(peer->fd, (struct sockaddr *)&address, sizeof address) || errno == EINPROGRESS) {
            watch(peer, EPOLL_CTL_ADD, EPOLLOUT);
            return;
        }
    }
    record_error("cannot connect: ", strerror(errno), strlen(strerror(errno)));
    peer_lost(peer);
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    free(peer->rest);
    free(peer->unsent);
    peer->rest = NULL;
    peer->unsent = NULL;
    peer->rest_length = 0;
    peer->fd = -1;
    peer->stage = CLOSED;
    peer->is_busy = false;
}

void peer_lost(struct peer *peer)
{
    void (*ended)(struct peer *) = peer->ended;
    if (ended)
        ended(peer);
    else
        peer_close(peer);
}

/* Requests are small: waits up to a second while the socket's buffer is full. */
void peer_send(struct peer *peer, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length && peer->fd >= 0) {
        ssize_t sent = send(peer->fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd writable = {.fd = peer->fd, .events = POLLOUT};
            if (poll(&writable, 1, 1000) == 1)
                continue;
        }
        if (sent < 0) {
            peer_lost(peer);
            return;
        }
        at += sent;
        length -= (size_t)sent;
    }
}

static void connected(struct peer *peer)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        record_error("cannot connect: ", strerror(error), strlen(strerror(error)));
        peer_lost(peer);
        return;
    }
    watch(peer, EPOLL_CTL_MOD, EPOLLIN);
    if (!peer->speaks_http) {
        peer->stage = UPGRADING;
        websocket_upgrade(peer);
        return;
    }
    peer->stage = READY;
    char *unsent = peer->unsent;
    peer->unsent = NULL;
    if (unsent)
        peer_send(peer, unsent, strlen(unsent));
    free(unsent);
    if (peer->ready)
        peer->ready(peer);
}

static void keep_rest(struct peer *peer, const uint8_t *bytes, size_t length)
{
    uint8_t *kept = NULL;
    if (length) {
        kept = malloc(length);
        memcpy(kept, bytes, length);
    }
    free(peer->rest);
    peer->rest = kept;
    peer->rest_length = (uint32_t)length;
}

static void readable(struct peer *peer)
{
    size_t have = peer->rest_length, at = 0;
    if (have)
        memcpy(buffer, peer->rest, have);
    ssize_t got = recv(peer->fd, buffer + have, BUFFER_SIZE - have, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        if (peer->speaks_http)
            http_closed(peer, buffer, have);
        else
            peer_lost(peer);
        return;
    }
    now = clock_ns();
    have += (size_t)got;
    uint32_t opening = peer->opening;
    while (at < have && peer->fd >= 0 && peer->opening == opening) {
        size_t consumed = peer->speaks_http ? http_read(peer, buffer + at, have - at) : websocket_read(peer, buffer + at, have - at);
        if (!consumed)
            break;
        at += consumed;
    }
    if (peer->fd >= 0 && peer->opening == opening)
        keep_rest(peer, buffer + at, have - at);
}

void loop_start(void)
{
    loop_fd = epoll_create1(EPOLL_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event timer = {.events = EPOLLIN, .data.ptr = &timer_mark}, commands = {.events = EPOLLIN, .data.ptr = &stdin_mark};
    epoll_ctl(loop_fd, EPOLL_CTL_ADD, timer_fd, &timer);
    epoll_ctl(loop_fd, EPOLL_CTL_ADD, 0, &commands);
}

void loop_wake_at(uint64_t ns)
{
    struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Polls without sleeping if it has a core of its own, so that the server spends no time on waking it up. */
static int wait_for(struct epoll_event *events, int wait_ms)
{
    static int is_busy_polling = -1;
    if (is_busy_polling < 0)
        is_busy_polling = getenv("GENERATOR_BUSY_POLL") != NULL;
    if (!is_busy_polling || wait_ms < 0)
        return epoll_wait(loop_fd, events, EVENTS, wait_ms);
    int count = epoll_wait(loop_fd, events, EVENTS, 0);
    if (count)
        return count;
    uint64_t until = clock_ns() + (uint64_t)wait_ms * 1000000, used_ns = own_cpu_ns();
    while ((count = epoll_wait(loop_fd, events, EVENTS, 0)) == 0 && clock_ns() < until)
        ;
    idle_ns += own_cpu_ns() - used_ns;
    return count;
}

bool loop_turn(int wait_ms)
{
    static struct epoll_event events[EVENTS];
    bool has_command = false;
    int count = wait_for(events, wait_ms);
    for (int i = 0; i < count; i++) {
        void *what = events[i].data.ptr;
        uint64_t expirations;
        if (what == &stdin_mark)
            has_command = true;
        else if (what == &timer_mark)
            (void)!read(timer_fd, &expirations, sizeof expirations);
        else if (((struct peer *)what)->fd < 0)
            continue; /* closed by an earlier event of this turn */
        else if (((struct peer *)what)->stage == CONNECTING)
            connected(what);
        else
            readable(what);
    }
    return has_command;
}
