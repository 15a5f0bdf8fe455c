/* The bench's frame server: Action Cable frames over WebSocket, as many as asked for, from one thread.
 *
 * Usage: server BODIES
 * BODIES is a file of lines "name TAB prefixed TAB body". A body may hold placeholders that are filled in: KKKKKKKK the
 * emission's key, DDDDDDDDDDDDDDDD its time (Unix us), CCCCCCCCC a conversation's id, IIIIIIIII the inbox's id,
 * NNNNNNNNNNNNNNNNNNN the monotonic ns right before the write.
 * Prefixed bodies follow {"identifier":...,"message": with the identifier as its client wrote it.
 *
 * Prints "port N", then answers commands line by line:
 *   count                          -> "count SOCKETS": subscribed, numbered 0 to SOCKETS-1 by user_id without a gap
 *   burst KIND FRAMES SEQ AUDIENCE -> "written FRAMES BYTES": so many frames to each socket, in one write a socket
 *   pace KIND RATE EMISSIONS T0 SEQ AUDIENCE
 *                                  -> "paced FRAMES HELD_US LATE_US": emissions at their time from T0 (Unix us) on, to
 *                                     the audiences in turn; how long full sockets held it up, how late it was at most
 * AUDIENCE is how many sockets an emission goes to; the g-th audience's inbox is 500000000 + AUDIENCE * 100000 + g.
 *   quit
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_SOCKETS 65536
#define MOST_KINDS 16
#define MOST_BURST 64
#define MOST_PLACES 8
#define FIRST_CONVERSATION 100000000

typedef struct {
    int fd, open, size, user;
    int prefix_size;
    char *prefix, *in;
} Conn;

typedef struct {
    char name[64];
    int prefixed, size;
    char *body;
    int key[MOST_PLACES], due[MOST_PLACES], conversation[MOST_PLACES], inbox[MOST_PLACES]; /* offsets, then -1 */
    int stamp[MOST_PLACES];
} Kind;

static Conn *conns[MOST_SOCKETS * 2]; /* by descriptor */
static Conn *users[MOST_SOCKETS];     /* by user id */
static int subscribed, highest = -1, epoll_fd, audience;
static Kind kinds[MOST_KINDS];
static int kind_count;
static int64_t held_ns;
static char out[MOST_BURST * 8192];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void digits(char *at, int width, uint64_t value, int base) {
    while (width--) {
        at[width] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % base];
        value /= base;
    }
}

/* SHA-1 of a short message (FIPS 180-4), for the handshake's answer. */
static void sha1(const unsigned char *message, size_t size, unsigned char digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char padded[192] = {0};
    size_t total = (size + 9 + 63) / 64 * 64;
    memcpy(padded, message, size);
    padded[size] = 0x80;
    for (int i = 0; i < 8; i++) padded[total - 1 - i] = (unsigned char)((uint64_t)size * 8 >> (8 * i));
    for (size_t block = 0; block < total; block += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const unsigned char *p = padded + block + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++) {
            uint32_t x = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
            w[i] = x << 1 | x >> 31;
        }
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
            uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
            uint32_t t = (a << 5 | a >> 27) + f + e + k + w[i];
            e = d, d = c, c = b << 30 | b >> 2, b = a, a = t;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const unsigned char *data, size_t size, char *text) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t v = data[i] << 16 | (i + 1 < size ? data[i + 1] << 8 : 0) | (i + 2 < size ? data[i + 2] : 0);
        *text++ = alphabet[v >> 18];
        *text++ = alphabet[v >> 12 & 63];
        *text++ = i + 1 < size ? alphabet[v >> 6 & 63] : '=';
        *text++ = i + 2 < size ? alphabet[v & 63] : '=';
    }
    *text = 0;
}

static int header(char *at, int size) {
    at[0] = (char)0x81;
    if (size < 126) {
        at[1] = (char)size;
        return 2;
    }
    at[1] = 126, at[2] = (char)(size >> 8), at[3] = (char)size;
    return 4;
}

static void drop(Conn *c) {
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    close(c->fd);
    conns[c->fd] = NULL;
    if (c->user >= 0 && users[c->user] == c) {
        users[c->user] = NULL;
        subscribed--;
    }
    free(c->prefix);
    free(c->in);
    free(c);
}

/* Write all, waiting for the peer where its buffer is full; false when it is gone. */
static int write_all(int fd, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent, size -= (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            struct pollfd p = {fd, POLLOUT, 0};
            int64_t since = now_ns(CLOCK_MONOTONIC);
            if (poll(&p, 1, 20000) == 0) return 0;
            held_ns += now_ns(CLOCK_MONOTONIC) - since;
        } else {
            return 0;
        }
    }
    return 1;
}

static int say(Conn *c, const char *text, int size) {
    char frame[4096];
    int head = header(frame, size);
    memcpy(frame + head, text, (size_t)size);
    return write_all(c->fd, frame, (size_t)(head + size));
}

static const char *header_value(const char *request, const char *name, size_t *size) {
    for (const char *line = strstr(request, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, strlen(name)) == 0) {
            const char *value = line + 2 + strlen(name);
            while (*value == ' ') value++;
            *size = (size_t)(strstr(value, "\r\n") - value);
            return value;
        }
    }
    return NULL;
}

static int upgrade(Conn *c) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    size_t size, ignored;
    const char *key = header_value(c->in, "sec-websocket-key:", &size);
    if (!key || size > 64) return 0;
    unsigned char joined[128], digest[20];
    char accept[32], answer[512];
    memcpy(joined, key, size);
    memcpy(joined + size, guid, sizeof guid - 1);
    sha1(joined, size + sizeof guid - 1, digest);
    base64(digest, 20, accept);
    const char *offered = header_value(c->in, "sec-websocket-protocol:", &ignored);
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                     accept, offered ? "Sec-WebSocket-Protocol: actioncable-v1-json\r\n" : "");
    n += header(answer + n, 18);
    memcpy(answer + n, "{\"type\":\"welcome\"}", 18);
    c->open = 1;
    return write_all(c->fd, answer, (size_t)n + 18);
}

/* A client's subscribe: keep its identifier as written, its user's number, and confirm. */
static int subscribe(Conn *c, const char *text) {
    const char *at = strstr(text, "\"identifier\":"), *end, *user;
    if (!strstr(text, "\"subscribe\"") || !at || c->prefix) return 1;
    at += 13;
    while (*at == ' ') at++;
    if (*at != '"') return 1;
    for (end = at + 1; *end && *end != '"'; end++)
        if (*end == '\\' && end[1]) end++;
    int size = (int)(end + 1 - at);
    c->prefix = malloc((size_t)size + 64);
    c->prefix_size = sprintf(c->prefix, "{\"identifier\":%.*s,\"message\":", size, at);
    char confirm[2048];
    int n = snprintf(confirm, sizeof confirm, "{\"identifier\":%.*s,\"type\":\"confirm_subscription\"}", size, at);
    user = strstr(at, "user_id\\\":");
    c->user = user ? atoi(user + 10) : -1;
    if (c->user < 0 || c->user >= MOST_SOCKETS || users[c->user]) return 0;
    users[c->user] = c;
    subscribed++;
    if (c->user > highest) highest = c->user;
    return say(c, confirm, n);
}

/* Take what a client sent; false when it is to be dropped. */
static int take(Conn *c) {
    enum { ROOM = 4096 };
    if (!c->in) c->in = malloc(ROOM + 1);
    ssize_t got = recv(c->fd, c->in + c->size, (size_t)(ROOM - c->size), 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    c->size += (int)got;
    c->in[c->size] = 0;
    if (!c->open) {
        char *end = strstr(c->in, "\r\n\r\n");
        if (!end) return c->size < ROOM;
        if (!upgrade(c)) return 0;
        int head = (int)(end + 4 - c->in);
        memmove(c->in, c->in + head, (size_t)(c->size -= head) + 1);
    }
    for (;;) {
        unsigned char *f = (unsigned char *)c->in;
        if (c->size < 6) break;
        int size = f[1] & 127, head = 6;
        if (size == 126) {
            if (c->size < 8) break;
            size = f[2] << 8 | f[3], head = 8;
        }
        if (size > ROOM - 16) return 0;
        if (c->size < head + size) break;
        if ((f[0] & 15) == 8) return 0;
        if ((f[0] & 15) == 1) {
            char text[ROOM];
            for (int i = 0; i < size; i++) text[i] = (char)(f[head + i] ^ f[head - 4 + i % 4]);
            text[size] = 0;
            if (!subscribe(c, text)) return 0;
        }
        c->size -= head + size;
        memmove(c->in, c->in + head + size, (size_t)c->size + 1);
    }
    if (c->prefix && c->size == 0) { /* nothing more to expect but a close */
        free(c->in);
        c->in = NULL;
    }
    return 1;
}

static void find(const char *body, const char *placeholder, int *places) {
    int n = 0;
    for (const char *at = strstr(body, placeholder); at && n < MOST_PLACES - 1; at = strstr(at + 1, placeholder))
        places[n++] = (int)(at - body);
    places[n] = -1;
}

static void put(char *body, const int *places, int width, uint64_t value, int base) {
    for (; *places >= 0; places++) digits(body + *places, width, value, base);
}

static void load(const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    if (!file) die(path);
    while (getline(&line, &room, file) > 0 && kind_count < MOST_KINDS) {
        Kind *k = &kinds[kind_count++];
        char *name = strtok(line, "\t"), *prefixed = strtok(NULL, "\t"), *body = strtok(NULL, "\n");
        snprintf(k->name, sizeof k->name, "%s", name);
        k->prefixed = atoi(prefixed);
        k->body = strdup(body);
        k->size = (int)strlen(body);
        find(body, "KKKKKKKK", k->key);
        find(body, "DDDDDDDDDDDDDDDD", k->due);
        find(body, "CCCCCCCCC", k->conversation);
        find(body, "IIIIIIIII", k->inbox);
        find(body, "NNNNNNNNNNNNNNNNNNN", k->stamp);
    }
    free(line);
    fclose(file);
}

/* An emission's body: everything that is the same for all its receivers. */
static void fill(const Kind *k, char *body, uint64_t seq, int group) {
    memcpy(body, k->body, (size_t)k->size);
    put(body, k->key, 8, seq, 36);
    put(body, k->due, 16, (uint64_t)now_ns(CLOCK_REALTIME) / 1000, 10);
    put(body, k->conversation, 9, FIRST_CONVERSATION + seq, 10);
    put(body, k->inbox, 9, 500000000u + (uint64_t)(audience * 100000 + group), 10);
}

/* Emissions seq, seq + 1, ... to one audience, all of them in one write a socket; returns frames written. */
static long emit(const Kind *k, int frames, uint64_t seq, int group, long *bytes) {
    static char bodies[MOST_BURST][4096];
    long written = 0;
    for (int i = 0; i < frames; i++) fill(k, bodies[i], seq + (uint64_t)i, group);
    for (int user = group * audience; user < (group + 1) * audience && user <= highest; user++) {
        Conn *c = users[user];
        if (!c) continue;
        int size = 0, prefix = k->prefixed ? c->prefix_size : 0;
        for (int i = 0; i < frames; i++) {
            size += header(out + size, prefix + k->size + k->prefixed);
            memcpy(out + size, c->prefix, (size_t)prefix);
            size += prefix;
            memcpy(out + size, bodies[i], (size_t)k->size);
            if (k->stamp[0] >= 0) put(out + size, k->stamp, 19, (uint64_t)now_ns(CLOCK_MONOTONIC), 10);
            size += k->size;
            if (k->prefixed) out[size++] = '}';
        }
        if (!write_all(c->fd, out, (size_t)size)) continue;
        written += frames;
        *bytes += size;
    }
    return written;
}

static const Kind *kind_of(const char *name) {
    for (int i = 0; i < kind_count; i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    fprintf(stderr, "no kind %s\n", name);
    exit(1);
}

static void wait_until(int64_t at_ns) { /* Unix ns; sleeps short and spins the rest */
    int64_t left;
    while ((left = at_ns - now_ns(CLOCK_REALTIME)) > 0)
        if (left > 200000) usleep((useconds_t)((left - 150000) / 1000));
}

static void obey(char *line) {
    char kind[64];
    long bytes = 0, frames = 0, per, emissions;
    double rate;
    long long seq, t0;
    if (strncmp(line, "count", 5) == 0) {
        printf("count %d\n", subscribed);
    } else if (sscanf(line, "burst %63s %ld %lld %d", kind, &per, &seq, &audience) == 4 && per <= MOST_BURST) {
        for (int g = 0; g < (highest + audience) / audience; g++)
            frames += emit(kind_of(kind), (int)per, (uint64_t)(seq + g * per), g, &bytes);
        printf("written %ld %ld\n", frames, bytes);
    } else if (sscanf(line, "pace %63s %lf %ld %lld %lld %d", kind, &rate, &emissions, &t0, &seq, &audience) == 6) {
        const Kind *k = kind_of(kind);
        int64_t latest = 0;
        held_ns = 0;
        for (long i = 0; i < emissions; i++) {
            int64_t due = t0 * 1000 + (int64_t)((double)i * audience / rate * 1e9), late;
            wait_until(due);
            late = now_ns(CLOCK_REALTIME) - due;
            if (late > latest) latest = late;
            frames += emit(k, 1, (uint64_t)(seq + i), (int)(i % ((highest + audience) / audience)), &bytes);
        }
        printf("paced %ld %lld %lld\n", frames, (long long)held_ns / 1000, (long long)latest / 1000);
    } else if (strncmp(line, "quit", 4) == 0) {
        exit(0);
    } else {
        printf("unknown %s", line);
    }
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (argc != 2) return 2;
    load(argv[1]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) die("listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll_fd = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[512];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = 0;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &e);
    for (;;) {
        int n = epoll_wait(epoll_fd, ready, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == 0) {
                char line[256];
                ssize_t got = 0; /* one short line at a time: whoever asks waits for the answer */
                while (got < (ssize_t)sizeof line - 1 && read(0, line + got, 1) == 1)
                    if (line[got++] == '\n') break;
                if (!got) return 0;
                line[got] = 0;
                obey(line);
            } else if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    Conn *c = calloc(1, sizeof *c);
                    c->fd = fd, c->user = -1;
                    conns[fd] = c;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    e.events = EPOLLIN, e.data.fd = fd;
                    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
                }
            } else if (conns[fd] && !take(conns[fd])) {
                drop(conns[fd]);
            }
        }
    }
}
