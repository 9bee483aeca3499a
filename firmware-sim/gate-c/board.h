/*
 * The board that the gate in C runs on: mps2-an386 as QEMU makes it, and what is simulated beside it. A maker's own board
 * takes this file's place, and that of board.c.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The maker's block, read where it lies; its layout is in src/emulator/src/block.rs ---- */

enum {
    BLOCK_FLAGS = 9,
    BLOCK_KIND = 10,
    BLOCK_SECTOR = 11,
    BLOCK_AMOUNT = 12,
    BLOCK_REFERENCE = 16,
    BLOCK_FIRST_TIME = 32,
    BLOCK_POLL_MILLISECONDS = 40,
    BLOCK_PATIENCE_MILLISECONDS = 44,
    BLOCK_SEED = 48,
    BLOCK_SECRET = 80,
    BLOCK_CREDENTIAL = 112,
    BLOCK_CUT_COUNT = 202,
    BLOCK_AUTHORITY_ID = 204,
    BLOCK_PARAMETERS_LENGTH = 236,
    BLOCK_OWN_KEY = 240,
    BLOCK_NEXT_SECRET = 304,
    BLOCK_NEXT_CREDENTIAL = 336,
    BLOCK_CUTS = 432,
    BLOCK_PARAMETERS = 944,
    BLOCK_LENGTH = 1 << 20,
    /* Flags. */
    SAYS_STEPS = 1,
    NEEDS_NO_BUNDLE = 2,
    HAS_OWN_KEY = 4,
    HAS_NEXT_KEY = 8
};

/* The block; NULL when there is none. */
const uint8_t *board_block(void);
uint32_t block_number(const uint8_t *block, size_t offset);

/* ---- Devices ---- */

enum { BOARD_FLASH_LENGTH = 8 << 20 };

/* Starts them all, once. */
void board_start(const uint8_t *block);

/* The callbacks of the verifier's platform; the context is not used. */
int32_t board_flash_read(void *context, uint32_t offset, uint8_t *into, size_t length);
int32_t board_flash_write(void *context, uint32_t offset, const uint8_t *bytes, size_t length);
int32_t board_flash_erase(void *context, uint32_t from, uint32_t to);
int32_t board_now(void *context, uint64_t *seconds);
int32_t board_set_now(void *context, uint64_t seconds);
int32_t board_random(void *context, uint8_t *into, size_t length);

/* Keeps the time behind the battery: now and then, since a reset finds no other. */
void board_keep_time(void);

enum board_line { LINE_CARD, LINE_SERVICE };

/* A byte that came, or -1. */
int board_line_read(enum board_line line);
void board_line_write(enum board_line line, const uint8_t *bytes, size_t length);

uint64_t board_milliseconds(void);
/* Sleeps until a byte comes on either line, for this long at most. */
void board_sleep(uint64_t milliseconds);

/* ---- What the emulator does for the firmware: a console, and the end ---- */

void board_say(const char *text, size_t length);
void board_say_line(const char *text);
void board_say_number(uint64_t number);
void board_exit(uint32_t code);

/* ---- Figures for `cargo xtask firmware report` ---- */

/* A step of a tap begins. */
void board_step_begin(void);
/* A step ends: says where its instructions went, and how deep the stack has been. */
void board_step_end(void);

#endif
