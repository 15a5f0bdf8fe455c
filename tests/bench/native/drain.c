/* The physical limit: a C client that reads its sockets through one epoll and does nothing with the frames but count
 * them and look for the stamp.
 *
 * Usage: drain PORT SOCKETS. Speaks the protocol of tests/bench/gate.py on stdin and stdout.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 16384
#define MOST_DESCRIPTORS 131072

static int epoll_fd;
static int missing[MOST_DESCRIPTORS]; /* bytes of the frame under way that are still to come, by descriptor */
static unsigned char heads[MOST_DESCRIPTORS][4]; /* of a header that came in parts */
static unsigned char head_size[MOST_DESCRIPTORS];
static int64_t frames, target, noted, *latencies;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) {
    printf("{\"error\": \"%s: %s\"}\n", what, strerror(errno));
    fflush(stdout);
    exit(0);
}

static void read_until(int fd, char *buffer, size_t room, const char *end) {
    size_t size = 0;
    while (size < room - 1) {
        ssize_t got = recv(fd, buffer + size, room - 1 - size, 0); /* nothing follows until we ask */
        if (got <= 0) die("handshake");
        size += (size_t)got;
        if (memmem(buffer, size, end, strlen(end))) return;
    }
    errno = EPROTO;
    die("handshake");
}

static int open_socket(int port, int user) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    char text[1024], frame[1100], buffer[8192];
    if (fd < 0) die("socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int n = snprintf(text, sizeof text,
                     "GET /cable HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n) die("send");
    read_until(fd, buffer, sizeof buffer, "\"welcome\"}");
    n = snprintf(text, sizeof text,
                 "{\"command\":\"subscribe\",\"identifier\":\"{\\\"channel\\\":\\\"RoomChannel\\\",\\\"pubsub_token\\\":"
                 "\\\"agent-%08d-0123456789abcdef\\\",\\\"account_id\\\":1000,\\\"user_id\\\":%d}\"}",
                 user, user);
    frame[0] = (char)0x81, frame[1] = (char)(0x80 | 126), frame[2] = (char)(n >> 8), frame[3] = (char)n;
    memset(frame + 4, 0, 4); /* a mask of zeros */
    memcpy(frame + 8, text, (size_t)n);
    if (send(fd, frame, (size_t)n + 8, MSG_NOSIGNAL) != n + 8) die("send");
    read_until(fd, buffer, sizeof buffer, "confirm_subscription\"}");
    if (fcntl(fd, F_SETFL, O_NONBLOCK)) die("fcntl");
    return fd;
}

static void note(const char *from, const char *to) {
    const char *at = memmem(from, (size_t)(to - from), "ns=", 3);
    if (at && at + 22 <= to) latencies[noted++] = now_ns() - strtoll(at + 3, NULL, 10);
}

/* Count the frames in what was read. */
static void scan(int fd, char *data, int size) {
    int at = 0;
    while (at < size) {
        if (missing[fd]) {
            int part = missing[fd] < size - at ? missing[fd] : size - at;
            missing[fd] -= part, at += part;
            if (!missing[fd]) frames++;
            continue;
        }
        unsigned char *head = heads[fd];
        head[head_size[fd]++] = (unsigned char)data[at++];
        if (head_size[fd] < 2 || (head[1] == 126 && head_size[fd] < 4)) continue;
        missing[fd] = head[1] == 126 ? head[2] << 8 | head[3] : head[1];
        head_size[fd] = 0;
        if (latencies && missing[fd] <= size - at) note(data + at, data + at + missing[fd]);
    }
}

static void drain(int64_t until_ns) {
    static char buffer[READ_BYTES];
    struct epoll_event ready[256];
    while (frames < target && (!until_ns || now_ns() < until_ns)) {
        int n = epoll_wait(epoll_fd, ready, 256, until_ns ? 100 : -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            ssize_t got = recv(fd, buffer, READ_BYTES, 0);
            if (got == 0 || (got < 0 && errno != EAGAIN)) die("the server closed a socket");
            if (got > 0) scan(fd, buffer, (int)got);
        }
    }
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    char line[256], kind[64];
    long long count, seq, t0;
    int per;
    double seconds, rate;
    if (argc != 3) return 2;
    int port = atoi(argv[1]), sockets = atoi(argv[2]);
    epoll_fd = epoll_create1(0);
    for (int user = 0; user < sockets; user++) {
        int fd = open_socket(port, user);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= MOST_DESCRIPTORS || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e)) die("epoll");
    }
    printf("{\"connected\": %d}\n", sockets);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "expect %lld %63s %d %lld", &count, kind, &per, &seq) == 4) {
            frames = 0, target = count;
            printf("ready\n");
            fflush(stdout);
            if (!fgets(line, sizeof line, stdin)) return 0; /* go */
            drain(0);
            printf("done\n");
        } else if (sscanf(line, "pace %63s %lld %lf %lf %lld %lld", kind, &count, &rate, &seconds, &t0, &seq) == 6) {
            frames = noted = 0, target = count;
            latencies = calloc((size_t)count + 1, sizeof *latencies);
            printf("ready\n");
            fflush(stdout);
            drain(now_ns() + (int64_t)(seconds * 1e9));
            qsort(latencies, (size_t)noted, sizeof *latencies, by_size);
            printf("{\"received\": %lld, \"p50_us\": %.1f, \"p99_us\": %.1f}\n", (long long)frames,
                   noted ? (double)latencies[noted / 2] / 1e3 : -1.0,
                   noted ? (double)latencies[noted * 99 / 100] / 1e3 : -1.0);
            free(latencies);
            latencies = NULL;
        } else if (strncmp(line, "settle", 6) == 0) {
            printf("{}\n");
        } else {
            return 0;
        }
        fflush(stdout);
    }
    return 0;
}
