/* Runs a workload N times between two markers, checks the output, says what it took.
 *
 * Command line: fw WORKLOAD N. Lines: `seed=`, `calibration=` (ticks of 100,000 instructions),
 * `ticks=<n> check=<CRC-32 of the output>`, then `PASS`. */
#include "model.h"
#include "peer.h"
#include "reference.h"
#include "board.h"
#include <string.h>

#define COUNTED __attribute__((noinline, noclone, used))

COUNTED void bench_begin(void) { __asm volatile("" ::: "memory"); }
COUNTED void bench_end(void) { __asm volatile("" ::: "memory"); }

static uint32_t crc32(const uint8_t *bytes, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static __attribute__((noinline)) uint32_t calibrate(void)
{
    uint32_t left = 50000;
    ticks_restart();
    __asm volatile("1: subs %0, #1\n bne 1b" : "+l"(left) : : "cc");
    return ticks();
}

/* So many steps an integer may differ from the reference. */
#ifndef STEPS
#define STEPS 0
#endif

static int is_near(const int8_t *expected, const int8_t *y, int n)
{
    for (int i = 0; i < n; i++) {
        int d = expected[i] - y[i];
        if (d < -STEPS || d > STEPS) return 0;
    }
    return 1;
}

/* Largest difference of floats from the reference, relative to its largest value. */
static int is_right(const model *m, const void *y)
{
    const void *expected = reference(m, model_input());
    int n = model_outputs();
    if (!m->is_f32) return is_near(expected, y, n);
    float largest = 0, error = 0;
    for (int i = 0; i < n; i++) {
        float e = ((const float *)expected)[i], d = e - ((const float *)y)[i];
        if (!(d == d)) return 0;
        if (e < 0) e = -e;
        if (d < 0) d = -d;
        if (e > largest) largest = e;
        if (d > error) error = d;
    }
    return largest > 0 && error <= 2e-6f * largest;
}

/* Takes the first word off a line. */
static const char *word(char **line)
{
    char *start = *line, *end = start;
    while (*end && *end != ' ') end++;
    *line = *end ? end + 1 : end;
    *end = 0;
    return start;
}

int main(void)
{
    char line[80], *rest = line;
    if (!command_line(line, sizeof line)) return stop("no command line");
    word(&rest);
    const char *name = word(&rest), *count = word(&rest);
    const model *m = model_make(name);
    int n = 0;
    while (*count >= '0' && *count <= '9') n = 10 * n + *count++ - '0';
    if (!m || n < 1) return stop("usage: fw WORKLOAD N");
    if (!peer_prepare(m)) return stop("no such kernels");
    print_number("seed=", SEED, 10);
    print("\n");
    print_number("calibration=", calibrate(), 10);
    print("\n");
    const void *x = model_input(), *y = x;
    ticks_restart();
    bench_begin();
    for (int i = 0; i < n; i++) y = peer_run(m, x);
    bench_end();
    uint32_t spent = ticks();
    if (m->layers && !is_right(m, y)) return stop("differs from the reference");
    print_number("ticks=", spent, 10);
    print_number(" check=", crc32(y, model_outputs() * (m->is_f32 ? sizeof(float) : 1)), 16);
    print("\nPASS\n");
    return 0;
}
