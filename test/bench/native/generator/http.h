/* Signed requests of an application, over connections that are kept where the server keeps them. */
#ifndef HTTP_H
#define HTTP_H
#include "peer.h"

#define REQUEST_ROOM 32768

/* An event on one channel, or `batch` of them in one request; `data` is text that needs no escaping. */
void event_request(char *out, const char *channel, const char *data, int batch);
/* The same bytes as an event has, to a server that signs nothing. */
void plain_request(char *out, const char *data);
/* `due=…` and so many bytes in all. */
void event_data(char *out, uint64_t due, int size);

/* Sends now, or once connected. */
void http_send(struct peer *, const char *request);
#endif
