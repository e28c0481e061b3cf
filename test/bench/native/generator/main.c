/*
 * The load generator of the benchmark: acts as all clients and as the application of one server.
 * generator HOST PORT APP_ID KEY SECRET: reads one command per line from stdin, prints one JSON object per command.
 */
#define _GNU_SOURCE
#include "command.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char line[1000];

/* Returns the text after ` name=` up to the next blank. */
const char *word(const char *name, const char *otherwise)
{
    static char value[4][200];
    static int turn;
    size_t length = strlen(name);
    for (const char *at = strchr(line, ' '); at; at = strchr(at + 1, ' '))
        if (!strncmp(at + 1, name, length) && at[1 + length] == '=') {
            char *out = value[turn = (turn + 1) % 4];
            snprintf(out, sizeof value[0], "%.*s", (int)strcspn(at + 2 + length, " "), at + 2 + length);
            return out;
        }
    return otherwise;
}

double number(const char *name, double otherwise)
{
    const char *text = word(name, NULL);
    return text ? atof(text) : otherwise;
}

void interval_begin(struct interval *interval)
{
    interval->pids = read_pids(word("pids", ""));
    interval->server_us = cpu_us(&interval->pids);
    interval->own_us = own_work_us();
    interval->from_ns = clock_ns();
}

void interval_end(struct interval *interval)
{
    interval->to_ns = clock_ns();
    interval->server_us = cpu_us(&interval->pids) - interval->server_us;
    interval->own_us = own_work_us() - interval->own_us;
}

void interval_print(const struct interval *interval)
{
    printf("\"seconds\":%.6f,\"serverUs\":%.1f,\"ownUs\":%.1f,\"firstError\":\"%s\",",
           (double)(interval->to_ns - interval->from_ns) / 1e9, interval->server_us, interval->own_us, first_error);
    *first_error = 0;
}

void run_until(uint64_t ns)
{
    while (clock_ns() < ns)
        loop_turn(10);
}

static const struct {
    const char *name;
    void (*run)(void);
} commands[] = {
    {"open", command_open}, {"close", command_close}, {"fanout", command_fanout}, {"post", command_post},
    {"handshake", command_handshake}, {"churn", command_churn}, {"idle", command_idle},
};

static void run_command(void)
{
    size_t name = strcspn(line, " ");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strlen(commands[i].name) == name && !strncmp(line, commands[i].name, name)) {
            commands[i].run();
            fflush(stdout);
            return;
        }
    printf("{\"error\":\"no such command\"}\n");
    fflush(stdout);
}

/* Reads byte by byte: the next command has to stay in the pipe, where the event loop finds it. */
static bool read_line(void)
{
    size_t at = 0;
    char byte;
    while (read(0, &byte, 1) == 1) {
        if (byte == '\n') {
            line[at] = 0;
            return true;
        }
        if (at < sizeof line - 1)
            line[at++] = byte;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 6) {
        fprintf(stderr, "generator HOST PORT APP_ID KEY SECRET\n");
        return 2;
    }
    target = (struct target){.host = argv[1], .port = atoi(argv[2]), .id = argv[3], .key = argv[4], .secret = argv[5]};
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    loop_start();
    for (;;)
        if (loop_turn(-1)) {
            if (!read_line())
                return 0;
            run_command();
        }
}
