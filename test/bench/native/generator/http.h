/* Signed requests of an application over keep-alive connections. */
#ifndef HTTP_H
#define HTTP_H
#include "peer.h"

#define REQUEST_SIZE 32768

/* Writes a request for one event, or for `batch` events; `data` is text that needs no escaping. */
void event_request(char *out, const char *channel, const char *data, int batch);
/* Writes a request with the same body, without a signature. */
void plain_request(char *out, const char *data);
/* Writes `due=…`, padded to `size` bytes. */
void event_data(char *out, uint64_t due, int size);

/* Sends the request, after connecting if necessary. */
void http_send(struct peer *, const char *request);
#endif
