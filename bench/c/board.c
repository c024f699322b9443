#include "board.h"
#include <string.h>

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;
int main(void);

static int semihosting(int operation, const void *argument)
{
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void leave(int failed)
{
    /* ADP_Stopped_ApplicationExit, or RunTimeErrorUnknown. */
    semihosting(0x18, (const void *)(failed ? 0x20023 : 0x20026));
    for (;;) { }
}

static void fault(void) { leave(stop("fault")); }

__attribute__((noreturn)) void reset(void);

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    &stack_top, reset, fault, fault, fault, fault, fault, fault,
};

void reset(void)
{
#ifndef __ARM_ARCH_6M__ /* which has them at address zero */
    *(void *const *volatile *)0xE000ED08 = vectors;
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED88 |= 0xF << 20;
    __asm volatile("dsb\nisb");
#endif
#ifdef __ARM_FEATURE_UNALIGNED
    *(volatile uint32_t *)0xE000ED14 &= ~(1u << 3); /* unaligned accesses are allowed */
#endif
    memcpy(&data_start, &data_load, (uintptr_t)&data_end - (uintptr_t)&data_start);
    memset(&bss_start, 0, (uintptr_t)&bss_end - (uintptr_t)&bss_start);
    leave(main());
    for (;;) { }
}

int command_line(char *line, int size)
{
    struct { char *line; int size; } block = { line, size };
    return semihosting(0x15, &block) == 0;
}

void print(const char *text) { semihosting(0x04, text); }

void print_number(const char *label, uint32_t value, uint32_t base)
{
    char text[11], *digit = text + sizeof text - 1;
    *digit = 0;
    do { *--digit = "0123456789abcdef"[value % base]; value /= base; } while (value);
    print(label);
    print(digit);
}

int stop(const char *why)
{
    print("FAIL ");
    print(why);
    print("\n");
    return 1;
}

#define SYSTICK ((volatile uint32_t *)0xE000E010)

void ticks_restart(void)
{
    SYSTICK[0] = 0;
    SYSTICK[1] = 0xFFFFFF;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5; /* core clock, no interrupt */
}

uint32_t ticks(void) { return 0xFFFFFF - (SYSTICK[2] & 0xFFFFFF); }
