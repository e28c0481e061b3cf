#include "digest.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Padding of both digests: blocks of 64 bytes, a one bit after the text, the length in bits at the end. */
typedef void compress(uint32_t *state, const uint8_t *block);

static void run(compress *step, uint32_t *state, const uint8_t *text, size_t length, size_t before, bool is_big)
{
    for (; length >= 64; text += 64, length -= 64, before += 64)
        step(state, text);
    uint8_t last[128] = {0};
    memcpy(last, text, length);
    last[length] = 0x80;
    size_t whole = length < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)(before + length) * 8;
    for (int i = 0; i < 8; i++)
        last[whole - 8 + (size_t)i] = (uint8_t)(bits >> 8 * (is_big ? 7 - i : i));
    for (size_t at = 0; at < whole; at += 64)
        step(state, last + at);
}

static void put_hex(const uint32_t *state, int words, bool is_big, char *hex)
{
    for (int i = 0; i < words * 4; i++) {
        unsigned byte = state[i / 4] >> 8 * (is_big ? 3 - i % 4 : i % 4) & 255;
        hex[2 * i] = "0123456789abcdef"[byte >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[byte & 15];
    }
    hex[words * 8] = 0;
}

static uint32_t left(uint32_t x, int n) { return x << n | x >> (32 - n); }
static uint32_t right(uint32_t x, int n) { return x >> n | x << (32 - n); }

static const uint32_t md5_table[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static void md5_step(uint32_t *state, const uint8_t *block)
{
    static const int turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static const int factor[4] = {1, 5, 3, 7}, offset[4] = {0, 1, 5, 0};
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 | (uint32_t)block[4 * i + 2] << 16 |
                   (uint32_t)block[4 * i + 3] << 24;
    for (int i = 0; i < 64; i++) {
        int part = i / 16;
        uint32_t mix = part == 0   ? (b & c) | (~b & d)
                       : part == 1 ? (d & b) | (~d & c)
                       : part == 2 ? b ^ c ^ d
                                   : c ^ (b | ~d);
        uint32_t sum = a + mix + md5_table[i] + words[(factor[part] * i + offset[part]) % 16];
        a = d;
        d = c;
        c = b;
        b += left(sum, turns[part][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_hex(const char *text, size_t length, char hex[33])
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    run(md5_step, state, (const uint8_t *)text, length, 0, false);
    put_hex(state, 4, false, hex);
}

static const uint32_t sha_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t sha_table[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void sha_step(uint32_t *state, const uint8_t *block)
{
    uint32_t w[64], s[8];
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               (uint32_t)block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (right(a, 7) ^ right(a, 18) ^ a >> 3) + (right(b, 17) ^ right(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t one = s[7] + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + sha_table[i] + w[i];
        uint32_t two = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static void state_bytes(const uint32_t *state, uint8_t *bytes)
{
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(state[i / 4] >> 8 * (3 - i % 4));
}

/* Keys are at most one block long. */
void hmac_sha256_hex(const char *key, const char *text, size_t length, char hex[65])
{
    uint8_t pad[64], inner[32];
    size_t key_length = strnlen(key, sizeof pad);
    uint32_t state[8];
    for (int outer = 0; outer < 2; outer++) {
        for (size_t i = 0; i < sizeof pad; i++)
            pad[i] = (uint8_t)((i < key_length ? (uint8_t)key[i] : 0) ^ (outer ? 0x5c : 0x36));
        memcpy(state, sha_start, sizeof state);
        sha_step(state, pad);
        if (outer)
            run(sha_step, state, inner, sizeof inner, sizeof pad, true);
        else
            run(sha_step, state, (const uint8_t *)text, length, sizeof pad, true);
        state_bytes(state, inner);
    }
    put_hex(state, 8, true, hex);
}
