/* The tiny service of the benchmarks: it costs next to nothing, so that what is measured is the supervisor.
 *
 * child MODE STAMPS [ARGUMENT...]
 *
 * STAMPS is a file to which every process of a service appends one line "KIND PID NANOSECONDS" when it is
 * where its mode wants it; the time is CLOCK_MONOTONIC. child.py does the same where there is no compiler.
 *
 *   listen STAMPS PORT                  listens on 127.0.0.1:PORT, stamps, waits
 *   linger STAMPS                       stamps, waits
 *   deaf   STAMPS                       ignores SIGTERM, SIGINT and SIGHUP
 *   escape STAMPS                       has a child that called setsid and gave stdout away
 *   hold   STAMPS                       has a child that called setsid and keeps stdout open
 *   daemon STAMPS                       has a grandchild that forked twice and lost its parent
 *   flood  STAMPS ID LINES SECONDS GO   when the file GO is there: up to LINES lines in up to SECONDS
 *   burst  STAMPS ID LINES GO           the same, and exits at once; when it is started again it only waits
 *   age    STAMPS ID LINES MICROS GO    one line each MICROS microseconds, each with the time of its writing
 *
 * flood and burst keep in STAMPS.ID how many lines they have written whole, so that each lost one is counted.
 * Nobody of this family lives longer than five minutes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIFETIME_SECONDS = 300, LINE = 100, DIGITS_AT = 3, BLOCK_LINES = 655 };

static const char *stamps;
static volatile sig_atomic_t stopped;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void stamp(const char *kind) {
    char line[80];
    int length = snprintf(line, sizeof line, "%s %d %llu\n", kind, (int)getpid(), (unsigned long long)now());
    int fd = open(stamps, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length) die(stamps);
    close(fd);
}

static void wait_for_ever(void) {
    for (;;) pause();
}

static void wait_for(const char *file) {
    const struct timespec millisecond = {0, 1000000};
    while (!stopped && access(file, F_OK) != 0) nanosleep(&millisecond, NULL);
}

static void on_stop(int number) {
    (void)number;
    stopped = 1;
}

static void write_all(const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = write(1, bytes, length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) exit(2);
        bytes += n;
        length -= (size_t)n;
    }
}

static void serve(int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 64) != 0) die("listen");
    stamp("ready");
    wait_for_ever();
}

static void away(int keep_stdout) {
    int null = open("/dev/null", O_RDWR);
    setsid();
    alarm(LIFETIME_SECONDS);
    dup2(null, 0);
    if (!keep_stdout) {
        dup2(null, 1);
        dup2(null, 2);
    }
    stamp("ready");
    wait_for_ever();
}

static void escape(int keep_stdout) {
    if (fork() == 0) away(keep_stdout);
    stamp("ready");
    wait_for_ever();
}

static void leave_a_daemon(void) {
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        if (fork() == 0) away(0);
        _exit(0);
    }
    waitpid(middle, NULL, 0);
    stamp("ready");
    wait_for_ever();
}

static void keep_count(int fd, uint64_t count) {
    char text[24];
    int length = snprintf(text, sizeof text, "%020llu\n", (unsigned long long)count);
    if (pwrite(fd, text, (size_t)length, 0) != length) die("count");
}

static const char *count_file(const char *id) {
    static char name[4096];
    snprintf(name, sizeof name, "%s.%s", stamps, id);
    return name;
}

static int open_count(const char *id) {
    const char *name = count_file(id);
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) die(name);
    keep_count(fd, 0);
    return fd;
}

static void number(char *line, uint64_t value) {
    for (int i = 9; i >= 0; i--, value /= 10) line[DIGITS_AT + i] = (char)('0' + value % 10);
}

static void flood(const char *id, uint64_t lines, double seconds) {
    static char block[BLOCK_LINES * LINE];
    int counts = open_count(id);
    uint64_t done = 0, end = now() + (uint64_t)(seconds * 1e9);
    memset(block, 'x', sizeof block);
    for (int i = 0; i < BLOCK_LINES; i++) {
        char *line = block + i * LINE;
        line[0] = '@', line[1] = id[0], line[2] = ' ', line[13] = ' ', line[LINE - 1] = '\n';
    }
    stamp("flood");
    while (!stopped && done < lines && now() < end) {
        uint64_t left = lines - done, n = left < BLOCK_LINES ? left : BLOCK_LINES;
        for (uint64_t i = 0; i < n; i++) number(block + i * LINE, done + i);
        write_all(block, n * LINE);
        done += n;
        keep_count(counts, done);
    }
    stamp("done");
}

static void tell_age(const char *id, long lines, long micros) {
    const struct timespec period = {micros / 1000000, (micros % 1000000) * 1000};
    char line[64];
    for (long i = 0; i < lines && !stopped; i++) {
        nanosleep(&period, NULL);
        write_all(line, (size_t)snprintf(line, sizeof line, "@%s age %llu\n", id, (unsigned long long)now()));
    }
    stamp("done");
}

int main(int argc, char **argv) {
    if (argc < 3) return 64;
    const char *mode = argv[1];
    stamps = argv[2];
    alarm(LIFETIME_SECONDS);
    if (!strcmp(mode, "deaf")) signal(SIGTERM, SIG_IGN), signal(SIGINT, SIG_IGN), signal(SIGHUP, SIG_IGN);
    if (!strcmp(mode, "escape")) escape(0);
    if (!strcmp(mode, "hold")) escape(1);
    if (!strcmp(mode, "daemon")) leave_a_daemon();
    if (!strcmp(mode, "listen") && argc == 4) serve(atoi(argv[3]));
    if (argc < 6) {
        stamp("ready");
        wait_for_ever();
    }
    struct sigaction stop = {.sa_handler = on_stop};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    stamp("ready");
    int burst = !strcmp(mode, "burst"), again = burst && access(count_file(argv[3]), F_OK) == 0;
    if (!again) {
        wait_for(argv[argc - 1]);
        if (!strcmp(mode, "age")) tell_age(argv[3], atol(argv[4]), atol(argv[5]));
        else flood(argv[3], strtoull(argv[4], NULL, 10), burst ? 60 : atof(argv[5]));
        if (burst) return 0;
    }
    stop.sa_handler = SIG_DFL;
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    if (!stopped) wait_for_ever();
    return 0;
}
