/* The board of the gate in C. What it simulates is what the board of the images in Rust does, in fewer words. */
#include "board.h"

#include <string.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* ---- Start ---- */

extern uint32_t _stack_top, _stack_lowest, _data_start, _data_end, _data_load, _bss_start, _bss_end;

int main(void);

enum { PAINT = 0x53594D42 };

static void board_tick(void);

/* Nothing comes here: the two interrupts that wake are masked whenever they could be taken. */
static void board_fault(void)
{
    board_say_line("The processor stopped at a fault.");
    board_exit(2);
}

void board_reset(void);

__attribute__((naked)) void board_reset(void)
{
    /* The floating-point unit first: the compiler may use its registers anywhere. */
    __asm__ volatile("ldr r0, =0xE000ED88\n"
                     "ldr r1, [r0]\n"
                     "orr r1, r1, #0xF00000\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "isb\n"
                     /* All of the stack is painted, to see later how deep it was. */
                     "ldr r0, =_stack_lowest\n"
                     "ldr r1, =_stack_top\n"
                     "ldr r2, =0x53594D42\n"
                     "1: cmp r0, r1\n"
                     "it lo\n"
                     "strlo r2, [r0], #4\n"
                     "blo 1b\n"
                     "b board_begin\n");
}

__attribute__((used, noreturn)) static void board_begin(void)
{
    size_t data = (size_t)((uint8_t *)&_data_end - (uint8_t *)&_data_start);
    size_t bss = (size_t)((uint8_t *)&_bss_end - (uint8_t *)&_bss_start);
    memcpy(&_data_start, &_data_load, data);
    memset(&_bss_start, 0, bss);
    board_exit((uint32_t)main());
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[16] = {
    (uintptr_t)&_stack_top, (uintptr_t)board_reset,
    (uintptr_t)board_fault, (uintptr_t)board_fault, (uintptr_t)board_fault, (uintptr_t)board_fault,
    (uintptr_t)board_fault, 0, 0, 0, 0,
    (uintptr_t)board_fault, (uintptr_t)board_fault, 0,
    (uintptr_t)board_fault, (uintptr_t)board_tick,
};

/* ---- Semihosting: "Semihosting for AArch32 and AArch64" ---- */

static uint32_t ask_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void board_say(const char *text, size_t length)
{
    char piece[65];
    while (length > 0) {
        size_t now = length < sizeof piece - 1 ? length : sizeof piece - 1;
        memcpy(piece, text, now);
        piece[now] = '\0';
        ask_host(0x04, piece);
        text += now;
        length -= now;
    }
}

void board_say_line(const char *text)
{
    board_say(text, strlen(text));
    board_say("\n", 1);
}

void board_say_number(uint64_t number)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    board_say(digits + first, sizeof digits - first);
}

void board_exit(uint32_t code)
{
    uint32_t reason[2] = {0x20026, code};
    for (;;)
        ask_host(0x20, reason);
}

/* ---- The maker's block ---- */

const uint8_t *board_block(void)
{
    const uint8_t *block = (const uint8_t *)0x21C00000;
    return memcmp(block, "SYMBPROV\2", 9) == 0 ? block : NULL;
}

uint32_t block_number(const uint8_t *block, size_t offset)
{
    const uint8_t *at = block + offset;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* ---- Bytes behind a battery; the emulator keeps them over a reset, and has zeros at power-on ---- */

enum { BATTERY_SET = 0x53594D42 };

struct battery {
    uint32_t set;
    uint32_t starts;
    uint32_t cuts;
    uint32_t zero;
    uint64_t seconds; /* the clock when it was looked at last; 0 when it is the host's */
};

static volatile struct battery *battery(void)
{
    return (volatile struct battery *)0x21800000;
}

/* ---- Ticks: SysTick at 25 MHz, 1.6 an instruction under `-icount shift=6` ---- */

enum { TICKS_PER_MILLISECOND = 25000 };
#define TICK_RELOAD 0x00FFFFFFU
#define TICK_CONTROL REGISTER(0xE000E010)
#define TICK_VALUE REGISTER(0xE000E018)
#define INTERRUPT_STATE REGISTER(0xE000ED04)
#define TICK_PENDING (1U << 26)

static volatile uint32_t tick_wraps;

static void board_tick(void)
{
    tick_wraps++;
}

static uint64_t ticks(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
    uint32_t before = TICK_VALUE;
    bool is_pending = (INTERRUPT_STATE & TICK_PENDING) != 0;
    uint32_t after = TICK_VALUE;
    /* A wrap that was not counted yet: it was pending, or came between the two readings. */
    uint64_t wraps = (uint64_t)tick_wraps + (is_pending || after > before ? 1U : 0U);
    __asm__ volatile("cpsie i" ::: "memory");
    return (wraps << 24) + (TICK_RELOAD - after);
}

uint64_t board_milliseconds(void)
{
    return ticks() / TICKS_PER_MILLISECOND;
}

/* ---- Steps ---- */

static uint64_t step_began, flash_first, flash_last;

void board_step_begin(void)
{
    flash_first = flash_last = 0;
    step_began = ticks();
}

static uint64_t instructions(uint64_t from, uint64_t to)
{
    return (to - from) * 10 / 16;
}

static uint64_t stack_depth(void)
{
    const volatile uint32_t *word = &_stack_lowest;
    while (word < &_stack_top && *word == PAINT)
        word++;
    return (uint64_t)((const uint8_t *)&_stack_top - (const volatile uint8_t *)word);
}

/*
 * `step DECIDING STORING CONCLUDING SIGNING STACK`. The library draws randomness when a call begins, not when it signs: what
 * comes after the last write to the flash, or all of a step without one, counts as signing.
 */
void board_step_end(void)
{
    uint64_t end = ticks();
    uint64_t first = flash_first != 0 ? flash_first : step_began;
    uint64_t last = flash_last != 0 ? flash_last : first;
    uint64_t numbers[5] = {instructions(step_began, first), instructions(first, last), 0, instructions(last, end),
                           stack_depth()};
    board_say("step", 4);
    for (size_t i = 0; i < 5; i++) {
        board_say(" ", 1);
        board_say_number(numbers[i]);
    }
    board_say("\n", 1);
}

/* ---- Flash: bits are cleared by programming and set by erasing; its power fails where the block says ---- */

enum { PAGE_LENGTH = 4096 };

struct cut {
    bool is_ahead;
    bool is_prefix;
    uint32_t operations_left;
    uint32_t value;
};

static struct cut next_cut;

static uint8_t *flash_at(uint32_t offset)
{
    return (uint8_t *)0x21000000 + offset;
}

static void plan_cut(const uint8_t *block, uint32_t before)
{
    uint32_t count = block_number(block, BLOCK_CUT_COUNT) >> 16;
    if (before >= count || before >= 64)
        return;
    const uint8_t *cut = block + BLOCK_CUTS + 8 * before;
    next_cut = (struct cut){
        .is_ahead = true,
        .is_prefix = cut[4] != 0,
        .operations_left = block_number(cut, 0),
        .value = (uint32_t)cut[6] << 8 | cut[7],
    };
}

/* Whether the power fails in the operation that begins now. */
static bool power_fails(void)
{
    if (!next_cut.is_ahead)
        return false;
    if (next_cut.operations_left > 0) {
        next_cut.operations_left--;
        return false;
    }
    return true;
}

static void reset_without_power(void)
{
    battery()->cuts++;
    __asm__ volatile("dsb" ::: "memory");
    REGISTER(0xE000ED0C) = 0x05FA0004;
    for (;;) {
    }
}

/* SplitMix64. */
__attribute__((noinline)) static uint64_t mixed(uint64_t number)
{
    uint64_t bits = (number + 1) * 0x9E3779B97F4A7C15U;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9U;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBU;
    return bits ^ bits >> 31;
}

/* Random bits for a byte, from the seed and where it lies: as src/flash-sim has it. */
static uint64_t picks(uint64_t place)
{
    return mixed((uint64_t)next_cut.value << 40 | place);
}

/* What is left of a byte that was to become `after` when the power failed. */
static uint8_t torn(uint32_t offset, uint32_t index, uint8_t before, uint8_t after)
{
    if (next_cut.is_prefix)
        return index < next_cut.value ? after : before;
    uint64_t bits = picks((uint64_t)offset + index);
    if (after == 0xFF && next_cut.value >= 8)
        return before | (uint8_t)bits;
    return (bits & 1) == 0 ? after : before;
}

int32_t board_flash_read(void *context, uint32_t offset, uint8_t *into, size_t length)
{
    (void)context;
    memcpy(into, flash_at(offset), length);
    return 0;
}

int32_t board_flash_write(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    (void)context;
    if (flash_first == 0)
        flash_first = ticks();
    for (size_t i = 0; i < length; i++)
        if (*flash_at(offset + i) != 0xFF)
            return -1;
    bool is_torn = power_fails();
    for (size_t i = 0; i < length; i++)
        *flash_at(offset + i) = is_torn ? torn(offset, i, 0xFF, bytes[i]) : bytes[i];
    if (is_torn)
        reset_without_power();
    flash_last = ticks();
    return 0;
}

int32_t board_flash_erase(void *context, uint32_t from, uint32_t to)
{
    (void)context;
    for (uint32_t page = from; page < to; page += PAGE_LENGTH) {
        bool is_torn = power_fails();
        if (!is_torn) {
            memset(flash_at(page), 0xFF, PAGE_LENGTH);
            continue;
        }
        for (uint32_t i = 0; i < PAGE_LENGTH; i++)
            *flash_at(page + i) = torn(page, i, *flash_at(page + i), 0xFF);
        reset_without_power();
    }
    flash_last = ticks();
    return 0;
}

/* ---- Clock: the ticks since the start and a few bytes behind a battery, or the host's ---- */

static uint64_t at_start; /* 0 when it is the host's clock */
static uint64_t ahead_seconds;

int32_t board_now(void *context, uint64_t *seconds)
{
    (void)context;
    uint64_t unset = at_start != 0 ? at_start + board_milliseconds() / 1000 : ask_host(0x11, NULL);
    *seconds = unset + ahead_seconds;
    return 0;
}

void board_keep_time(void)
{
    uint64_t now = 0;
    if (at_start != 0 && board_now(NULL, &now) == 0)
        battery()->seconds = now;
}

int32_t board_set_now(void *context, uint64_t seconds)
{
    uint64_t now = 0;
    if (board_now(context, &now) != 0 || seconds < now)
        return -1;
    ahead_seconds += seconds - now;
    board_keep_time();
    return 0;
}

/*
 * ---- Randomness, for the simulation only: SplitMix64 from the maker's seed, for each start others. The emulated board has no
 * noise to draw from; a real one puts its hardware's generator here. ----
 */

static uint64_t random_state;

static void start_random(const uint8_t *seed, uint32_t starts)
{
    memcpy(&random_state, seed, sizeof random_state);
    random_state = mixed(random_state + starts);
}

int32_t board_random(void *context, uint8_t *into, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i++)
        into[i] = (uint8_t)mixed(random_state++);
    return 0;
}

/* ---- The two serial lines: CMSDK UARTs, "Application Note AN386", section 4 ---- */

enum { RECEIVE_FULL = 2, TRANSMIT_FULL = 1 };

static uint32_t line_base(enum board_line line)
{
    return line == LINE_CARD ? 0x40004000U : 0x40005000U;
}

static void start_line(enum board_line line)
{
    REGISTER(line_base(line) + 16) = 16; /* the emulator sends at once whatever the divider is */
    REGISTER(line_base(line) + 8) = 1 | 2 | 8;
}

int board_line_read(enum board_line line)
{
    uint32_t base = line_base(line);
    if ((REGISTER(base + 4) & RECEIVE_FULL) == 0)
        return -1;
    REGISTER(base + 12) = RECEIVE_FULL;
    return (int)(REGISTER(base) & 0xFF);
}

void board_line_write(enum board_line line, const uint8_t *bytes, size_t length)
{
    uint32_t base = line_base(line);
    for (size_t i = 0; i < length; i++) {
        while ((REGISTER(base + 4) & TRANSMIT_FULL) != 0) {
        }
        REGISTER(base) = bytes[i];
    }
}

/* ---- Sleep: the first CMSDK timer wakes, or a byte ---- */

#define TIMER 0x40000000U
/* Interrupts 0 and 2: a byte came; 8: the timer. */
#define WAKING (1U << 0 | 1U << 2 | 1U << 8)
#define INTERRUPT_ENABLE REGISTER(0xE000E100)
#define INTERRUPT_DISABLE REGISTER(0xE000E180)
#define INTERRUPT_UNPEND REGISTER(0xE000E280)

void board_sleep(uint64_t milliseconds)
{
    if (milliseconds == 0)
        return;
    uint32_t for_ticks = (uint32_t)(milliseconds < 10000 ? milliseconds : 10000) * TICKS_PER_MILLISECOND;
    REGISTER(TIMER) = 0;
    REGISTER(TIMER + 12) = 1;
    REGISTER(TIMER + 8) = for_ticks;
    REGISTER(TIMER + 4) = for_ticks;
    REGISTER(TIMER) = 1 | 1 << 3;
    /* The interrupts only wake: they are let in only while none can be taken. */
    __asm__ volatile("cpsid i" ::: "memory");
    INTERRUPT_ENABLE = WAKING;
    bool has_byte = ((REGISTER(line_base(LINE_CARD) + 4) | REGISTER(line_base(LINE_SERVICE) + 4)) & RECEIVE_FULL) != 0;
    if (!has_byte)
        __asm__ volatile("dsb\n wfi" ::: "memory");
    INTERRUPT_DISABLE = WAKING;
    INTERRUPT_UNPEND = WAKING;
    __asm__ volatile("cpsie i" ::: "memory");
}

void board_start(const uint8_t *block)
{
    volatile struct battery *kept = battery();
    REGISTER(0xE000E014) = TICK_RELOAD;
    TICK_VALUE = 0;
    TICK_CONTROL = 1 | 2 | 4;
    if (kept->set != BATTERY_SET) {
        memset(flash_at(0), 0xFF, BOARD_FLASH_LENGTH);
        uint64_t first_time =
            (uint64_t)block_number(block, BLOCK_FIRST_TIME) << 32 | block_number(block, BLOCK_FIRST_TIME + 4);
        kept->starts = 0;
        kept->cuts = 0;
        kept->seconds = first_time;
        kept->set = BATTERY_SET;
    }
    at_start = kept->seconds;
    plan_cut(block, kept->cuts);
    start_random(block + BLOCK_SEED, kept->starts);
    kept->starts++;
    start_line(LINE_CARD);
    start_line(LINE_SERVICE);
}
