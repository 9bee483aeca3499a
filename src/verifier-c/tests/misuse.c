/*
 * Every function of the library, called as nobody should: NULL, short, unaligned, out of order, after the end. Each call
 * is answered with its number, and writes nothing through its pointers.
 *
 *     misuse FOLDER       with the files that gate.c has in its folder
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolon.h"

enum { PAGE = 4096, FLASH_LENGTH = 4 * PAGE, SLOTS = 8 };

static int checks, failures;

static void check(symbolon_status got, symbolon_status expected, const char *what, int line)
{
    checks++;
    if (got == expected)
        return;
    failures++;
    fprintf(stderr, "line %d: %s gives %u, not %u\n", line, what, (unsigned)got, (unsigned)expected);
}
#define EXPECT(expected, call) check((call), SYMBOLON_STATUS_##expected, #call, __LINE__)

static void check_true(bool holds, const char *what, int line)
{
    checks++;
    if (holds)
        return;
    failures++;
    fprintf(stderr, "line %d: %s does not hold\n", line, what);
}
#define HOLDS(condition) check_true((condition), #condition, __LINE__)

/* ---- A device that fails when it is told to ---- */

struct device {
    uint8_t flash[FLASH_LENGTH];
    bool clock_fails, random_fails, flash_fails;
    symbolon_terminal *calls_back; /* the clock calls this terminal */
    symbolon_status called_back;
};

static int32_t flash_read(void *context, uint32_t offset, uint8_t *into, size_t length)
{
    const struct device *device = context;
    memcpy(into, device->flash + offset, length);
    return device->flash_fails ? -1 : 0;
}

static int32_t flash_write(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    struct device *device = context;
    if (device->flash_fails)
        return -1;
    for (size_t i = 0; i < length; i++)
        device->flash[offset + i] &= bytes[i];
    return 0;
}

static int32_t flash_erase(void *context, uint32_t from, uint32_t to)
{
    struct device *device = context;
    if (device->flash_fails)
        return -1;
    memset(device->flash + from, 0xFF, to - from);
    return 0;
}

static int32_t tell_time(void *context, uint64_t *seconds)
{
    struct device *device = context;
    *seconds = 1800000000;
    if (device->calls_back != NULL)
        device->called_back = symbolon_terminal_idle(device->calls_back);
    return device->clock_fails ? 7 : 0;
}

static int32_t draw(void *context, uint8_t *into, size_t length)
{
    const struct device *device = context;
    for (size_t i = 0; i < length; i++)
        into[i] = (uint8_t)(rand() >> 4);
    return device->random_fails ? -1 : 0;
}

/* ---- What is untouched ---- */

static void *marked(void *memory, size_t length)
{
    return memset(memory, 0xA5, length);
}

static bool is_marked(const void *memory, size_t length)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0xA5)
            return false;
    return true;
}

/* Structures are given with their size; the rest is marked. */
static void mark_step(symbolon_step *step)
{
    marked(step, sizeof *step);
    step->size = sizeof *step;
}

static bool is_step_marked(const symbolon_step *step)
{
    return step->size == sizeof *step && is_marked((const uint8_t *)step + 4, sizeof *step - 4);
}

static void mark_verdict(symbolon_verdict *verdict)
{
    marked(verdict, sizeof *verdict);
    verdict->size = sizeof *verdict;
}

static bool is_verdict_marked(const symbolon_verdict *verdict)
{
    return verdict->size == sizeof *verdict && is_marked((const uint8_t *)verdict + 4, sizeof *verdict - 4);
}

/* ---- A terminal ---- */

static struct device device;
static uint8_t *id, *prepared, *credential, *secret;
static size_t id_length, prepared_length, credential_length, secret_length;

static symbolon_platform platform(void)
{
    return (symbolon_platform){
        .size = sizeof(symbolon_platform),
        .flash_length = FLASH_LENGTH,
        .context = &device,
        .flash_read = flash_read,
        .flash_write = flash_write,
        .flash_erase = flash_erase,
        .now = tell_time,
        .random = draw,
    };
}

static symbolon_settings settings(void)
{
    return (symbolon_settings){
        .size = sizeof(symbolon_settings),
        .patience_milliseconds = 1000,
        .authority_id = id,
        .authority = prepared,
        .authority_length = prepared_length,
        .key = {.credential = credential, .secret = secret},
        .layout = {.state = {0, 2 * PAGE}, .journal = {2 * PAGE, 2 * PAGE}},
        .sectors = 7,
        .kinds = 1 << 1,
        .accepts_without_bundle = 1,
        .most_without_bundle = 1000,
        .clock_jump_seconds = 86400,
        .clock_ahead_seconds = 400ULL * 86400,
    };
}

static uint8_t *read_file(const char *folder, const char *name, size_t *length)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(1 << 18);
    if (file == NULL || bytes == NULL)
        exit(2);
    *length = fread(bytes, 1, 1 << 18, file);
    fclose(file);
    return bytes;
}

/* Opens with settings and platform as given, into memory that ends where it should. */
static symbolon_status try_open(const symbolon_settings *with, const symbolon_platform *on)
{
    void *memory = malloc(symbolon_terminal_size());
    symbolon_terminal *terminal;
    marked(&terminal, sizeof terminal);
    symbolon_status status = symbolon_terminal_open(memory, symbolon_terminal_size(), with, on, &terminal);
    if (status == SYMBOLON_STATUS_OK)
        EXPECT(OK, symbolon_terminal_close(terminal));
    else
        HOLDS(is_marked(&terminal, sizeof terminal));
    free(memory);
    return status;
}

static void opening(void)
{
    symbolon_settings good = settings();
    symbolon_platform on = platform();
    symbolon_terminal *terminal = NULL;
    size_t size = symbolon_terminal_size();
    uint8_t *memory = malloc(size + 1);
    EXPECT(NULL_POINTER, symbolon_terminal_open(NULL, size, &good, &on, &terminal));
    EXPECT(NULL_POINTER, symbolon_terminal_open(memory, size, NULL, &on, &terminal));
    EXPECT(NULL_POINTER, symbolon_terminal_open(memory, size, &good, NULL, &terminal));
    EXPECT(NULL_POINTER, symbolon_terminal_open(memory, size, &good, &on, NULL));
    EXPECT(MISALIGNED, symbolon_terminal_open(memory + 1, size, &good, &on, &terminal));
    EXPECT(TOO_SHORT, symbolon_terminal_open(memory, size - 1, &good, &on, &terminal));
    EXPECT(TOO_SHORT, symbolon_terminal_open(memory, 0, &good, &on, &terminal));
    HOLDS(terminal == NULL);
    free(memory);
    EXPECT(OK, try_open(&good, &on));
}

static void settings_one_by_one(void)
{
    const symbolon_settings good = settings();
    const symbolon_platform on = platform();
    symbolon_settings bad;
#define BAD(expected, change) (bad = good, bad.change, EXPECT(expected, try_open(&bad, &on)))
    BAD(WRONG_SIZE, size = 0);
    BAD(WRONG_SIZE, size -= 1);
    BAD(WRONG_SIZE, size = UINT32_MAX);
    BAD(NULL_POINTER, authority_id = NULL);
    BAD(AUTHORITY, authority = NULL);
    BAD(AUTHORITY, authority_length -= 1);
    BAD(AUTHORITY, authority_length = 0);
    BAD(OUT_OF_RANGE, authority_length = SIZE_MAX);
    BAD(KEY, authority_id = secret);
    uint8_t other_id[32];
    memcpy(other_id, id, sizeof other_id);
    other_id[31] ^= 1;
    BAD(AUTHORITY, authority_id = other_id);
    BAD(NULL_POINTER, key.credential = NULL);
    BAD(NULL_POINTER, key.secret = NULL);
    BAD(KEY, key.secret = id);
    BAD(KEY, key.credential = prepared);
    BAD(NULL_POINTER, next_key.secret = secret);
    BAD(NULL_POINTER, replay_slots = 1);
    BAD(NULL_POINTER, subject_slots = 1);
    BAD(LAYOUT, layout.state.length = PAGE);
    BAD(LAYOUT, layout.state.offset = 1);
    BAD(LAYOUT, layout.journal.offset = PAGE);
    BAD(LAYOUT, layout.journal.length = 3 * PAGE);
    BAD(LAYOUT, layout.journal.offset = UINT32_MAX);
    BAD(OUT_OF_RANGE, sectors = 0);
    BAD(OUT_OF_RANGE, sectors = 8);
    BAD(OUT_OF_RANGE, kinds = 1);
    BAD(OUT_OF_RANGE, kinds = 1 << 6);
    BAD(OUT_OF_RANGE, accepts_without_bundle = 2);
    BAD(OUT_OF_RANGE, accepts_after_expiry = 255);
    static uint64_t slots[SLOTS * 3];
    BAD(MISALIGNED, replay = (uint8_t *)slots + 1);
    bad = good;
    bad.replay = slots;
    bad.replay_slots = SIZE_MAX / 2;
    EXPECT(OUT_OF_RANGE, try_open(&bad, &on));
    bad.replay_slots = SLOTS;
    HOLDS(SLOTS * symbolon_replay_slot_size() <= sizeof slots);
    EXPECT(OK, try_open(&bad, &on));

    symbolon_platform lame;
#define LAME(expected, change) (lame = on, lame.change, EXPECT(expected, try_open(&good, &lame)))
    LAME(WRONG_SIZE, size += 8);
    LAME(NULL_POINTER, flash_read = NULL);
    LAME(NULL_POINTER, flash_write = NULL);
    LAME(NULL_POINTER, flash_erase = NULL);
    LAME(NULL_POINTER, now = NULL);
    LAME(NULL_POINTER, random = NULL);
    LAME(LAYOUT, flash_length = FLASH_LENGTH - PAGE);
    LAME(LAYOUT, flash_length = 0);
    device.clock_fails = true;
    EXPECT(CLOCK, try_open(&good, &on));
    device.clock_fails = false;
    device.random_fails = true;
    EXPECT(RANDOM, try_open(&good, &on));
    device.random_fails = false;
    device.flash_fails = true;
    EXPECT(FLASH, try_open(&good, &on));
    device.flash_fails = false;
}

static symbolon_request purchase(void)
{
    return (symbolon_request){.size = sizeof(symbolon_request), .amount = 250, .kind = 1, .sector = 4};
}

/* NULL for each pointer in turn, and whatever is no open terminal for the terminal. */
static void nothing_given(symbolon_terminal *terminal)
{
    uint8_t bytes[512] = {0}, out[512];
    symbolon_request request = purchase();
    symbolon_step step;
    symbolon_verdict verdict;
    size_t length;
    mark_step(&step);
    mark_verdict(&verdict);
    marked(out, sizeof out);
    marked(&length, sizeof length);
    const uint8_t *part = bytes;
    const uint8_t *no_part = NULL;
    size_t part_length = 10;
    symbolon_key no_key = {NULL, NULL};

    EXPECT(NULL_POINTER, symbolon_terminal_start(terminal, NULL, 0, &step));
    EXPECT(NULL_POINTER, symbolon_terminal_start(terminal, &request, 0, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_respond(terminal, NULL, 2, 0, &step));
    EXPECT(NULL_POINTER, symbolon_terminal_respond(terminal, bytes, 2, 0, NULL));
    EXPECT(OUT_OF_RANGE, symbolon_terminal_respond(terminal, bytes, SIZE_MAX, 0, &step));
    EXPECT(NULL_POINTER, symbolon_terminal_poll(terminal, 0, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_challenge(terminal, NULL, 20, &request, out));
    EXPECT(NULL_POINTER, symbolon_terminal_challenge(terminal, bytes, 20, NULL, out));
    EXPECT(NULL_POINTER, symbolon_terminal_challenge(terminal, bytes, 20, &request, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_challenge_voucher(terminal, NULL, 20, bytes, 109, out));
    EXPECT(NULL_POINTER, symbolon_terminal_challenge_voucher(terminal, bytes, 20, NULL, 109, out));
    EXPECT(NULL_POINTER, symbolon_terminal_challenge_voucher(terminal, bytes, 20, bytes, 109, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_resume(terminal, NULL, 20, bytes, 204));
    EXPECT(NULL_POINTER, symbolon_terminal_resume(terminal, bytes, 20, NULL, 204));
    EXPECT(NULL_POINTER, symbolon_terminal_decide(terminal, NULL, 159, &verdict));
    EXPECT(NULL_POINTER, symbolon_terminal_decide(terminal, bytes, 159, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_decide_code(terminal, NULL, 209, &verdict));
    EXPECT(NULL_POINTER, symbolon_terminal_decide_code(terminal, bytes, 209, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_receipt(terminal, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_again(terminal, NULL, 159, out));
    EXPECT(NULL_POINTER, symbolon_terminal_again(terminal, bytes, 159, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_port(terminal, NULL, 5, out, sizeof out, &length));
    EXPECT(NULL_POINTER, symbolon_terminal_port(terminal, bytes, 5, NULL, sizeof out, &length));
    EXPECT(NULL_POINTER, symbolon_terminal_port(terminal, bytes, 5, out, sizeof out, NULL));
    EXPECT(TOO_SHORT, symbolon_terminal_port(terminal, bytes, 5, out, SYMBOLON_PORT_MOST - 1, &length));
    EXPECT(NULL_POINTER, symbolon_terminal_wanted(terminal, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_add_key(terminal, NULL));
    EXPECT(NULL_POINTER, symbolon_terminal_add_key(terminal, &no_key));
    EXPECT(NULL_POINTER, symbolon_terminal_install(terminal, NULL, &part_length, 1));
    EXPECT(NULL_POINTER, symbolon_terminal_install(terminal, &part, NULL, 1));
    EXPECT(NULL_POINTER, symbolon_terminal_install(terminal, &no_part, &part_length, 1));
    EXPECT(OUT_OF_RANGE, symbolon_terminal_install(terminal, &part, &part_length, 17));
    HOLDS(is_step_marked(&step) && is_verdict_marked(&verdict) && is_marked(out, sizeof out));
    HOLDS(is_marked(&length, sizeof length));
}

/* The same calls, well formed but for the terminal. */
static void no_terminal(symbolon_terminal *terminal, symbolon_status expected)
{
    uint8_t bytes[512] = {0}, out[512];
    symbolon_request request = purchase(), wanted = purchase();
    symbolon_step step;
    symbolon_verdict verdict;
    size_t length;
    mark_step(&step);
    mark_verdict(&verdict);
    marked(out, sizeof out);
    marked(&length, sizeof length);
    const uint8_t *part = bytes;
    size_t part_length = 10;
    symbolon_key key = {.credential = credential, .secret = secret};
#define CALL(call) check(call, expected, #call, __LINE__)
    CALL(symbolon_terminal_start(terminal, &request, 0, &step));
    CALL(symbolon_terminal_respond(terminal, bytes, 2, 0, &step));
    CALL(symbolon_terminal_poll(terminal, 0, &step));
    CALL(symbolon_terminal_challenge(terminal, bytes, 20, &request, out));
    CALL(symbolon_terminal_challenge_voucher(terminal, bytes, 20, bytes, 109, out));
    CALL(symbolon_terminal_resume(terminal, bytes, 20, bytes, 204));
    CALL(symbolon_terminal_decide(terminal, bytes, 159, &verdict));
    CALL(symbolon_terminal_decide_code(terminal, bytes, 209, &verdict));
    CALL(symbolon_terminal_receipt(terminal, out));
    CALL(symbolon_terminal_again(terminal, bytes, 159, out));
    CALL(symbolon_terminal_port(terminal, bytes, 5, out, sizeof out, &length));
    CALL(symbolon_terminal_wanted(terminal, &wanted));
    CALL(symbolon_terminal_install(terminal, &part, &part_length, 1));
    CALL(symbolon_terminal_add_key(terminal, &key));
    CALL(symbolon_terminal_idle(terminal));
    HOLDS(is_step_marked(&step) && is_verdict_marked(&verdict) && is_marked(out, sizeof out));
    HOLDS(is_marked(&length, sizeof length) && memcmp(&request, &wanted, sizeof request) == 0);
}

/* Bytes of every length and no meaning, numbers outside their ranges, and calls before their time. */
static void nonsense(symbolon_terminal *terminal)
{
    uint8_t out[512];
    symbolon_step step;
    symbolon_verdict verdict;
    symbolon_request request = purchase();
    mark_step(&step);
    marked(out, sizeof out);

    EXPECT(WRONG_ORDER, symbolon_terminal_receipt(terminal, out));
    EXPECT(WRONG_ORDER, symbolon_terminal_wanted(terminal, &request));
    symbolon_key key = {.credential = credential, .secret = secret};
    EXPECT(WRONG_ORDER, symbolon_terminal_add_key(terminal, &key));
    for (int kind = 0; kind < 256; kind++) {
        bool is_kind = kind >= 1 && kind <= 5;
        request = purchase();
        request.kind = (uint8_t)kind;
        check(symbolon_terminal_start(terminal, &request, 0, &step),
              is_kind ? SYMBOLON_STATUS_OK : SYMBOLON_STATUS_OUT_OF_RANGE, "kind", __LINE__);
        request = purchase();
        request.sector = (uint8_t)kind;
        is_kind = kind == 1 || kind == 2 || kind == 4;
        check(symbolon_terminal_start(terminal, &request, 0, &step),
              is_kind ? SYMBOLON_STATUS_OK : SYMBOLON_STATUS_OUT_OF_RANGE, "sector", __LINE__);
    }
    request = purchase();
    request.size++;
    EXPECT(WRONG_SIZE, symbolon_terminal_start(terminal, &request, 0, &step));
    request = purchase();
    request.zero = 1;
    EXPECT(OUT_OF_RANGE, symbolon_terminal_start(terminal, &request, 0, &step));
    request = purchase();
    step.size = 0;
    EXPECT(WRONG_SIZE, symbolon_terminal_start(terminal, &request, 0, &step));
    HOLDS(step.size == 0);

    /* Each length in memory of just that length, so that a look beyond it is seen. */
    for (size_t length = 0; length <= 300; length++) {
        uint8_t *bytes = malloc(length + 1);
        uint8_t *exact = bytes + 1;
        draw(&device, exact, length);
        mark_step(&step);
        request = purchase();
        EXPECT(OK, symbolon_terminal_start(terminal, &request, 0, &step));
        mark_step(&step);
        EXPECT(OK, symbolon_terminal_respond(terminal, exact, length, 0, &step));
        HOLDS(step.kind == SYMBOLON_STEP_DONE && step.outcome == SYMBOLON_OUTCOME_FAILED);
        mark_verdict(&verdict);
        EXPECT(OK, symbolon_terminal_decide(terminal, exact, length, &verdict));
        HOLDS(verdict.verdict == SYMBOLON_VERDICT_DECLINED && verdict.reason == 13 && verdict.established == 0);
        mark_verdict(&verdict);
        EXPECT(OK, symbolon_terminal_decide_code(terminal, exact, length, &verdict));
        HOLDS(verdict.verdict == SYMBOLON_VERDICT_DECLINED && verdict.reason != 0);
        size_t written = 0;
        EXPECT(OK, symbolon_terminal_port(terminal, exact, length, out, sizeof out, &written));
        HOLDS(written >= 2 && written <= SYMBOLON_PORT_MOST);
        marked(out, sizeof out);
        symbolon_status status = symbolon_terminal_challenge(terminal, exact, length, &request, out);
        HOLDS(status > SYMBOLON_STATUS_REFUSED && symbolon_status_sentence(status).length > 0);
        status = symbolon_terminal_challenge_voucher(terminal, exact, length, exact, length, out);
        HOLDS(status > SYMBOLON_STATUS_REFUSED);
        status = symbolon_terminal_resume(terminal, exact, length, exact, length);
        HOLDS(status > SYMBOLON_STATUS_REFUSED);
        status = symbolon_terminal_again(terminal, exact, length, out);
        HOLDS(status > SYMBOLON_STATUS_REFUSED);
        const uint8_t *part = exact;
        EXPECT(BUNDLE_MALFORMED, symbolon_terminal_install(terminal, &part, &length, 1));
        HOLDS(is_marked(out, sizeof out));
        free(bytes);
    }
    EXPECT(BUNDLE_OTHER, symbolon_terminal_install(terminal, (const uint8_t *const *)&prepared, &prepared_length, 0));
}

static void failing_devices(symbolon_terminal *terminal)
{
    symbolon_request request = purchase();
    symbolon_step step;
    mark_step(&step);
    device.clock_fails = true;
    EXPECT(CLOCK, symbolon_terminal_start(terminal, &request, 0, &step));
    device.clock_fails = false;
    device.random_fails = true;
    EXPECT(RANDOM, symbolon_terminal_start(terminal, &request, 0, &step));
    device.random_fails = false;
    HOLDS(is_step_marked(&step));
    device.calls_back = terminal;
    EXPECT(OK, symbolon_terminal_start(terminal, &request, 0, &step));
    check(device.called_back, SYMBOLON_STATUS_BUSY, "a call out of a callback", __LINE__);
    device.calls_back = NULL;
    EXPECT(OK, symbolon_terminal_idle(terminal));
}

static void words(void)
{
    for (uint32_t number = 0; number < 600; number++) {
        bool has_name = symbolon_reason_name(number).length > 0;
        HOLDS(has_name == (symbolon_reason_sentence(number, SYMBOLON_LANGUAGE_ENGLISH).length > 0));
        HOLDS(symbolon_reason_sentence(number, 0).bytes == NULL);
        bool is_status = number <= SYMBOLON_STATUS_BUNDLE_AHEAD ||
                         (number > SYMBOLON_STATUS_REFUSED &&
                          symbolon_reason_name(number - SYMBOLON_STATUS_REFUSED).length > 0);
        HOLDS(is_status == (symbolon_status_sentence(number).length > 0));
    }
    HOLDS(symbolon_reason_name(0).length == 0 && symbolon_reason_name(UINT32_MAX).length == 0);
    HOLDS(symbolon_status_sentence(UINT32_MAX).length == 0);
    HOLDS(symbolon_interface_version() == SYMBOLON_INTERFACE_VERSION);
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    id = read_file(arguments[1], "authority.id", &id_length);
    prepared = read_file(arguments[1], "authority.prepared", &prepared_length);
    credential = read_file(arguments[1], "terminal.credential", &credential_length);
    secret = read_file(arguments[1], "terminal.secret", &secret_length);
    memset(device.flash, 0xFF, sizeof device.flash);
    words();
    opening();
    settings_one_by_one();

    size_t size = symbolon_terminal_size();
    uint8_t *memory = malloc(size + 1), *copy = malloc(size);
    symbolon_settings good = settings();
    symbolon_platform on = platform();
    symbolon_terminal *terminal = NULL;
    memset(memory, 0, size);
    no_terminal(NULL, SYMBOLON_STATUS_NULL_POINTER);
    no_terminal((symbolon_terminal *)(void *)memory, SYMBOLON_STATUS_NOT_OPEN);
    EXPECT(NOT_OPEN, symbolon_terminal_close((symbolon_terminal *)(void *)memory));
    EXPECT(OK, symbolon_terminal_open(memory, size, &good, &on, &terminal));
    nothing_given(terminal);
    nonsense(terminal);
    failing_devices(terminal);
    memcpy(copy, memory, size);
    no_terminal((symbolon_terminal *)(void *)copy, SYMBOLON_STATUS_NOT_OPEN);
    no_terminal((symbolon_terminal *)(void *)(memory + 1), SYMBOLON_STATUS_MISALIGNED);
    EXPECT(NULL_POINTER, symbolon_terminal_close(NULL));
    EXPECT(NOT_OPEN, symbolon_terminal_close((symbolon_terminal *)(void *)copy));
    EXPECT(OK, symbolon_terminal_close(terminal));
    no_terminal(terminal, SYMBOLON_STATUS_NOT_OPEN);
    EXPECT(NOT_OPEN, symbolon_terminal_close(terminal));
    for (size_t i = 0; i < size; i++)
        HOLDS(memory[i] == 0); /* and so the secret key is gone */
    EXPECT(OK, symbolon_terminal_open(memory, size, &good, &on, &terminal));
    EXPECT(OK, symbolon_terminal_close(terminal));

    free(memory);
    free(copy);
    free(id);
    free(prepared);
    free(credential);
    free(secret);
    printf("%d checks, %d failed\n", checks, failures);
    return failures == 0 ? 0 : 1;
}
