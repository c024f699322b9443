/* Start, semihosting and SysTick of any Cortex-M. */
#ifndef BOARD_H
#define BOARD_H
#include <stdint.h>
int command_line(char *line, int size);
void print(const char *text);
void print_number(const char *label, uint32_t value, uint32_t base);
/* Prints a failure and returns the exit code of one. */
int stop(const char *why);
void ticks_restart(void);
uint32_t ticks(void);
#endif
