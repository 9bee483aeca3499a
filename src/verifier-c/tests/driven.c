/*
 * A terminal that does what the lines on its standard input say: one call of the library a line, answered with a line of
 * what came of it, the status first. What is given stays; numbers are decimal, bytes hexadecimal.
 *
 *     give NAME BYTES     number NAME NUMBER     forget NAME
 *     provision     open     close     cut     port BYTES     add_key CREDENTIAL SECRET     install BYTES...
 *     challenge SELECT AMOUNT     decide BYTES     code BYTES     receipt     start AMOUNT     respond BYTES
 *
 * `cut` takes the terminal's memory away, as a power cut does. The flash stays until the program ends.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolon.h"

enum {
    PAGE = 4096,
    PAGES = 2 + 4 + 3 + 2 * 18,
    LINE_MOST = 1 << 18,
    WORDS = 8,
    NAMES = 7,
    NUMBERS = 5
};

/* What is given by name. */
enum { ID, PREPARED, CREDENTIAL, SECRET, NEXT_CREDENTIAL, NEXT_SECRET, CODES_PAY };
static const char *const names[NAMES] = {"id",     "prepared",        "credential",
                                         "secret", "next_credential", "next_secret", "codes_pay"};
enum { NOW, REPLAY_SLOTS, MOST_WITHOUT_BUNDLE, ACCEPTS_WITHOUT_BUNDLE, ERASES_LEFT };
static const char *const number_names[NUMBERS] = {"now", "replay_slots", "most_without_bundle",
                                                  "accepts_without_bundle", "erases_left"};

/* Bytes of the heap, so that a look beyond them is seen. */
struct bytes {
    uint8_t *at;
    size_t length;
};

static struct bytes given[NAMES];
static uint64_t numbers[NUMBERS] = {[ERASES_LEFT] = UINT64_MAX};

/* ---- The device: flash as strict as a chip, and one that fails when it is told to ---- */

static uint8_t flash[PAGES * PAGE];

static int32_t flash_read(void *context, uint32_t offset, uint8_t *into, size_t length)
{
    (void)context;
    memcpy(into, flash + offset, length);
    return 0;
}

static int32_t flash_write(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    (void)context;
    if (offset % SYMBOLON_FLASH_WRITE_SIZE != 0 || length % SYMBOLON_FLASH_WRITE_SIZE != 0)
        return -1;
    for (size_t i = 0; i < length; i++)
        if (flash[offset + i] != 0xFF)
            return -1;
    memcpy(flash + offset, bytes, length);
    return 0;
}

static int32_t flash_erase(void *context, uint32_t from, uint32_t to)
{
    (void)context;
    if (numbers[ERASES_LEFT] == 0)
        return -1;
    numbers[ERASES_LEFT]--;
    memset(flash + from, 0xFF, to - from);
    return 0;
}

static int32_t tell_time(void *context, uint64_t *seconds)
{
    (void)context;
    *seconds = numbers[NOW];
    return 0;
}

/* Good enough here: nothing else may do so. */
static int32_t draw(void *context, uint8_t *into, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i++)
        into[i] = (uint8_t)(rand() >> 4);
    return 0;
}

static const symbolon_platform platform = {
    .size = sizeof platform,
    .flash_length = sizeof flash,
    .flash_read = flash_read,
    .flash_write = flash_write,
    .flash_erase = flash_erase,
    .now = tell_time,
    .random = draw,
};

static const symbolon_layout layout = {
    .state = {0, 2 * PAGE},
    .journal = {2 * PAGE, 4 * PAGE},
    .bundles = {{6 * PAGE, PAGE}, {7 * PAGE, PAGE}, {8 * PAGE, PAGE}},
    .authorities = {{9 * PAGE, 18 * PAGE}, {27 * PAGE, 18 * PAGE}},
};

/* ---- Lines ---- */

static void *allocate(size_t length)
{
    void *memory = malloc(length);
    if (memory == NULL)
        exit(3);
    return memory;
}

static uint8_t digit(char character)
{
    return (uint8_t)(character <= '9' ? character - '0' : character - 'a' + 10);
}

static struct bytes read_bytes(const char *word)
{
    struct bytes bytes = {NULL, strlen(word) / 2};
    /* No bytes are a place too. */
    bytes.at = allocate(bytes.length == 0 ? 1 : bytes.length);
    for (size_t i = 0; i < bytes.length; i++)
        bytes.at[i] = (uint8_t)(digit(word[2 * i]) << 4 | digit(word[2 * i + 1]));
    return bytes;
}

static void release(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){NULL, 0};
}

static size_t index_of(const char *const *list, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], word) == 0)
            return i;
    exit(4);
}

static void say_bytes(const uint8_t *bytes, size_t length)
{
    putchar(' ');
    for (size_t i = 0; i < length; i++)
        printf("%02x", bytes[i]);
}

static void say_verdict(const symbolon_verdict *verdict)
{
    printf(" %u %u %u %llu %u %u %u", verdict->verdict, verdict->reason, verdict->is_stale,
           (unsigned long long)verdict->data_age_seconds, (unsigned)verdict->established, (unsigned)verdict->amount,
           (unsigned)verdict->counter);
}

static void say_step(const symbolon_step *step)
{
    printf(" %u %u", step->kind, step->outcome);
    say_verdict(&step->verdict);
    if (step->kind == SYMBOLON_STEP_SEND)
        say_bytes(step->command, step->command_length);
}

/* ---- The terminal ---- */

static symbolon_terminal *terminal;
static void *memory, *replay;
/* The bundle in memory stays until the next one is taken. */
static struct bytes parts[WORDS];

static symbolon_status open_terminal(void)
{
    size_t slots = (size_t)numbers[REPLAY_SLOTS];
    memory = allocate(symbolon_terminal_size());
    replay = slots == 0 ? NULL : allocate(slots * symbolon_replay_slot_size());
    symbolon_settings settings = {
        .size = sizeof settings,
        .patience_milliseconds = 1000,
        .authority_id = given[ID].at,
        .authority = given[PREPARED].at,
        .authority_length = given[PREPARED].length,
        .key = {.credential = given[CREDENTIAL].at, .secret = given[SECRET].at},
        .next_key = {.credential = given[NEXT_CREDENTIAL].at, .secret = given[NEXT_SECRET].at},
        .replay = replay,
        .replay_slots = slots,
        .layout = layout,
        .sectors = 1 | 2 | 4,
        .kinds = 1 << 1 | 1 << 2,
        .accepts_without_bundle = (uint8_t)numbers[ACCEPTS_WITHOUT_BUNDLE],
        .most_without_bundle = (uint32_t)numbers[MOST_WITHOUT_BUNDLE],
        .clock_jump_seconds = 86400,
        .clock_ahead_seconds = 400ULL * 86400,
        .codes_pay = given[CODES_PAY].at,
    };
    return symbolon_terminal_open(memory, symbolon_terminal_size(), &settings, &platform, &terminal);
}

/* Takes the memory away, closed or not. */
static void take_memory(void)
{
    if (memory != NULL)
        memset(memory, 0xA5, symbolon_terminal_size());
    free(memory);
    free(replay);
    memory = replay = NULL;
    terminal = NULL;
    for (size_t i = 0; i < WORDS; i++)
        release(&parts[i]);
}

static symbolon_status install(char **words, size_t count)
{
    const uint8_t *starts[WORDS] = {NULL};
    size_t lengths[WORDS] = {0};
    struct bytes brought[WORDS] = {{NULL, 0}};
    for (size_t i = 0; i < count; i++) {
        brought[i] = read_bytes(words[i]);
        starts[i] = brought[i].at;
        lengths[i] = brought[i].length;
    }
    symbolon_status status = symbolon_terminal_install(terminal, starts, lengths, count);
    for (size_t i = 0; i < WORDS; i++) {
        struct bytes unused = status == SYMBOLON_STATUS_OK ? parts[i] : brought[i];
        if (status == SYMBOLON_STATUS_OK)
            parts[i] = brought[i];
        release(&unused);
    }
    return status;
}

static symbolon_request entry(const char *amount)
{
    return (symbolon_request){
        .size = sizeof(symbolon_request), .kind = 2, .sector = 4, .amount = (uint32_t)strtoul(amount, NULL, 10)};
}

/* Calls that take bytes and give a verdict, bytes, or a step. */
static void call(const char *what, struct bytes bytes, const char *amount)
{
    uint8_t out[SYMBOLON_PORT_MOST];
    size_t length = 0;
    symbolon_verdict verdict = {.size = sizeof verdict};
    symbolon_step step = {.size = sizeof step};
    symbolon_request request = entry(amount);
    symbolon_status status = SYMBOLON_STATUS_OK;
    if (strcmp(what, "port") == 0) {
        status = symbolon_terminal_port(terminal, bytes.at, bytes.length, out, sizeof out, &length);
    } else if (strcmp(what, "challenge") == 0) {
        status = symbolon_terminal_challenge(terminal, bytes.at, bytes.length, &request, out);
        length = SYMBOLON_CHALLENGE_SIZE;
    } else if (strcmp(what, "receipt") == 0) {
        status = symbolon_terminal_receipt(terminal, out);
        length = SYMBOLON_RECEIPT_SIZE;
    } else if (strcmp(what, "decide") == 0) {
        status = symbolon_terminal_decide(terminal, bytes.at, bytes.length, &verdict);
    } else if (strcmp(what, "code") == 0) {
        status = symbolon_terminal_decide_code(terminal, bytes.at, bytes.length, &verdict);
    } else if (strcmp(what, "start") == 0) {
        status = symbolon_terminal_start(terminal, &request, 0, &step);
    } else if (strcmp(what, "respond") == 0) {
        status = symbolon_terminal_respond(terminal, bytes.at, bytes.length, 0, &step);
    } else {
        exit(5);
    }
    printf("%u", (unsigned)status);
    if (status != SYMBOLON_STATUS_OK)
        return;
    if (length != 0)
        say_bytes(out, length);
    else if (step.kind != 0)
        say_step(&step);
    else
        say_verdict(&verdict);
}

static symbolon_status add_key(const char *credential_word, const char *secret_word)
{
    struct bytes credential = read_bytes(credential_word), secret = read_bytes(secret_word);
    symbolon_key key = {.credential = credential.at, .secret = secret.at};
    symbolon_status status = symbolon_terminal_add_key(terminal, &key);
    release(&credential);
    release(&secret);
    return status;
}

static void run(char **words, size_t count)
{
    const char *what = words[0];
    if (strcmp(what, "give") == 0 || strcmp(what, "forget") == 0) {
        struct bytes *place = &given[index_of(names, NAMES, words[1])];
        release(place);
        if (count > 2)
            *place = read_bytes(words[2]);
        putchar('0');
    } else if (strcmp(what, "number") == 0) {
        numbers[index_of(number_names, NUMBERS, words[1])] = strtoull(words[2], NULL, 10);
        putchar('0');
    } else if (strcmp(what, "provision") == 0) {
        printf("%u", (unsigned)symbolon_provision_authority(&platform, &layout, given[ID].at, given[PREPARED].at,
                                                             given[PREPARED].length));
    } else if (strcmp(what, "open") == 0) {
        symbolon_status status = open_terminal();
        if (status != SYMBOLON_STATUS_OK)
            take_memory();
        printf("%u", (unsigned)status);
    } else if (strcmp(what, "close") == 0) {
        printf("%u", (unsigned)symbolon_terminal_close(terminal));
        take_memory();
    } else if (strcmp(what, "cut") == 0) {
        take_memory();
        putchar('0');
    } else if (strcmp(what, "add_key") == 0 && count == 3) {
        printf("%u", (unsigned)add_key(words[1], words[2]));
    } else if (strcmp(what, "install") == 0) {
        printf("%u", (unsigned)install(words + 1, count - 1));
    } else {
        struct bytes bytes = read_bytes(count > 1 ? words[1] : "");
        call(what, bytes, words[count - 1]);
        release(&bytes);
    }
    putchar('\n');
    fflush(stdout);
}

int main(void)
{
    static char line[LINE_MOST];
    memset(flash, 0xFF, sizeof flash);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[WORDS + 1];
        size_t count = 0;
        for (char *word = strtok(line, " \n"); word != NULL && count <= WORDS; word = strtok(NULL, " \n"))
            words[count++] = word;
        if (count != 0)
            run(words, count);
    }
    take_memory();
    for (size_t i = 0; i < NAMES; i++)
        release(&given[i]);
    return 0;
}
