/* MD5 and HMAC-SHA-256 of short texts in hexadecimal, for the signatures of channels and requests. */
#ifndef DIGEST_H
#define DIGEST_H
#include <stddef.h>

void md5_hex(const char *text, size_t length, char hex[33]);
void hmac_sha256_hex(const char *key, const char *text, size_t length, char hex[65]);
#endif
