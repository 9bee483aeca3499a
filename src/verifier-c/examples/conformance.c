/*
 * The library behind the lines of docs/conformance.md: a case in, a verdict out, one JSON object a line.
 *
 *     symbolon-conformance conformance
 *
 * Every case gets a terminal that has just been made, in memory that the last one left.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbolon.h"

enum { PAGE = 4096, FLASH_LENGTH = 4 * PAGE, LINE_MOST = 1 << 20, REPLAY_SLOTS = 4 };

/* ---- The device ---- */

struct device {
    uint64_t now;
    uint8_t flash[FLASH_LENGTH];
};

static int32_t flash_read(void *context, uint32_t offset, uint8_t *into, size_t length)
{
    const struct device *device = context;
    memcpy(into, device->flash + offset, length);
    return 0;
}

static int32_t flash_write(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    struct device *device = context;
    for (size_t i = 0; i < length; i++)
        device->flash[offset + i] &= bytes[i];
    return 0;
}

static int32_t flash_erase(void *context, uint32_t from, uint32_t to)
{
    struct device *device = context;
    memset(device->flash + from, 0xFF, to - from);
    return 0;
}

static int32_t tell_time(void *context, uint64_t *seconds)
{
    const struct device *device = context;
    *seconds = device->now;
    return 0;
}

/* Good enough here, where all keys are published: nothing else may do so. */
static int32_t draw(void *context, uint8_t *into, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i++)
        into[i] = (uint8_t)(rand() >> 4);
    return 0;
}

/* ---- Lines: objects of strings and numbers, as the runner writes them ---- */

/* Where the value of a field begins; NULL when there is none. */
static const char *value_of(const char *line, const char *field)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", field);
    const char *found = strstr(line, key);
    return found == NULL ? NULL : found + strlen(key);
}

static int digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Reads a field of hexadecimal digits into memory of its own; NULL without such a field. */
static uint8_t *bytes_of(const char *line, const char *field, size_t *length)
{
    const char *text = value_of(line, field);
    if (text == NULL || *text++ != '"')
        return NULL;
    size_t digits = strcspn(text, "\"");
    /* One more, so that no bytes are a place too. */
    uint8_t *bytes = malloc(digits / 2 + 1);
    if (bytes == NULL)
        return NULL;
    for (*length = 0; *length < digits / 2; ++*length) {
        int high = digit(text[2 * *length]), low = digit(text[2 * *length + 1]);
        if (high < 0 || low < 0) {
            free(bytes);
            return NULL;
        }
        bytes[*length] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

static bool text_of(const char *line, const char *field, char *into, size_t capacity)
{
    const char *text = value_of(line, field);
    if (text == NULL || *text++ != '"')
        return false;
    size_t length = strcspn(text, "\"");
    if (length >= capacity)
        return false;
    memcpy(into, text, length);
    into[length] = '\0';
    return true;
}

/* ---- Cases ---- */

struct city {
    uint8_t *id, *prepared;
    size_t id_length, prepared_length;
    void *memory, *replay;
    struct device device;
};

/* The fields of a case; those that it does not have are NULL. */
struct given {
    uint8_t *credential, *secret, *select, *challenge, *presentation, *bundle, *voucher;
    size_t credential_length, secret_length, select_length, challenge_length, presentation_length, bundle_length,
        voucher_length;
};

static symbolon_status open_terminal(struct city *city, const struct given *given, symbolon_terminal **terminal)
{
    memset(city->device.flash, 0xFF, sizeof city->device.flash);
    symbolon_platform platform = {
        .size = sizeof platform,
        .flash_length = FLASH_LENGTH,
        .context = &city->device,
        .flash_read = flash_read,
        .flash_write = flash_write,
        .flash_erase = flash_erase,
        .now = tell_time,
        .random = draw,
    };
    symbolon_settings settings = {
        .size = sizeof settings,
        .patience_milliseconds = 1000,
        .authority_id = city->id,
        .authority = city->prepared,
        .authority_length = city->prepared_length,
        .key = {.credential = given->credential, .secret = given->secret},
        .replay = city->replay,
        .replay_slots = REPLAY_SLOTS,
        .layout = {.state = {0, 2 * PAGE}, .journal = {2 * PAGE, 2 * PAGE}},
        .sectors = 1 | 2 | 4,
        .kinds = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5,
        .accepts_without_bundle = 1,
        .most_without_bundle = UINT32_MAX,
        .clock_jump_seconds = 86400,
        .clock_ahead_seconds = 400ULL * 86400,
    };
    return symbolon_terminal_open(city->memory, symbolon_terminal_size(), &settings, &platform, terminal);
}

/* Judges a case. A status of success has its verdict in *verdict. */
static symbolon_status judge(symbolon_terminal *terminal, const char *structure, const struct given *given,
                             symbolon_verdict *verdict)
{
    uint8_t challenge[SYMBOLON_CHALLENGE_SIZE];
    verdict->verdict = SYMBOLON_VERDICT_ACCEPTED;
    if (strcmp(structure, "tap") == 0) {
        symbolon_status status = symbolon_terminal_resume(terminal, given->select, given->select_length,
                                                          given->challenge, given->challenge_length);
        if (status != SYMBOLON_STATUS_OK)
            return status;
        return symbolon_terminal_decide(terminal, given->presentation, given->presentation_length, verdict);
    }
    if (strcmp(structure, "select") == 0) {
        /* The first sector that the terminal's own credential has: its fourth byte. */
        uint8_t sectors = given->credential[3];
        symbolon_request request = {
            .size = sizeof request, .kind = 1, .sector = (uint8_t)(sectors & -sectors), .amount = 1};
        return symbolon_terminal_challenge(terminal, given->select, given->select_length, &request, challenge);
    }
    if (strcmp(structure, "bundle") == 0) {
        const uint8_t *part = given->bundle;
        return symbolon_terminal_install(terminal, &part, &given->bundle_length, 1);
    }
    if (strcmp(structure, "voucher") == 0)
        return symbolon_terminal_challenge_voucher(terminal, given->select, given->select_length, given->voucher,
                                                   given->voucher_length, challenge);
    return SYMBOLON_STATUS_OUT_OF_RANGE;
}

static void answer(const char *name, symbolon_status status, const symbolon_verdict *verdict)
{
    symbolon_text reason = {NULL, 0};
    const char *said = "declined";
    if (status == SYMBOLON_STATUS_OK) {
        reason = symbolon_reason_name(verdict->reason);
        if (verdict->verdict == SYMBOLON_VERDICT_ACCEPTED)
            said = "accepted";
        else if (verdict->verdict == SYMBOLON_VERDICT_REFERRED)
            said = "referred";
    } else if (status == SYMBOLON_STATUS_BUNDLE_MALFORMED)
        reason = symbolon_reason_name(1);
    else if (status == SYMBOLON_STATUS_BUNDLE_OTHER)
        reason = symbolon_reason_name(3);
    else if (status == SYMBOLON_STATUS_BUNDLE_SIGNATURE)
        reason = symbolon_reason_name(15);
    else if (status > SYMBOLON_STATUS_REFUSED)
        reason = symbolon_reason_name(status - SYMBOLON_STATUS_REFUSED);
    if (strcmp(said, "declined") == 0 && reason.length == 0)
        printf("{\"case\":\"%s\",\"verdict\":\"failed\",\"reason\":\"status %u\"}\n", name, (unsigned)status);
    else if (reason.length == 0)
        printf("{\"case\":\"%s\",\"verdict\":\"%s\",\"reason\":null}\n", name, said);
    else
        printf("{\"case\":\"%s\",\"verdict\":\"%s\",\"reason\":\"%.*s\"}\n", name, said, (int)reason.length,
               reason.bytes);
    fflush(stdout);
}

static bool run_case(struct city *city, const char *line)
{
    char name[128], structure[32];
    const char *now = value_of(line, "now");
    if (!text_of(line, "case", name, sizeof name) || !text_of(line, "structure", structure, sizeof structure) ||
        now == NULL)
        return false;
    city->device.now = strtoull(now, NULL, 10);
    struct given given = {0};
    given.credential = bytes_of(line, "credential", &given.credential_length);
    given.secret = bytes_of(line, "secret", &given.secret_length);
    given.select = bytes_of(line, "select", &given.select_length);
    given.challenge = bytes_of(line, "challenge", &given.challenge_length);
    given.presentation = bytes_of(line, "presentation", &given.presentation_length);
    given.bundle = bytes_of(line, "bundle", &given.bundle_length);
    given.voucher = bytes_of(line, "voucher", &given.voucher_length);

    bool is_run = given.credential_length == 89 && given.secret_length == 32;
    if (is_run) {
        symbolon_terminal *terminal = NULL;
        symbolon_verdict verdict = {.size = sizeof verdict};
        symbolon_status status = open_terminal(city, &given, &terminal);
        if (status == SYMBOLON_STATUS_OK)
            status = judge(terminal, structure, &given, &verdict);
        answer(name, status, &verdict);
        if (terminal != NULL)
            symbolon_terminal_close(terminal);
    }
    free(given.credential);
    free(given.secret);
    free(given.select);
    free(given.challenge);
    free(given.presentation);
    free(given.bundle);
    free(given.voucher);
    return is_run;
}

static bool set_up(struct city *city, const char *line)
{
    /* "0.1.0 P256-SHA256": the suite is the second word. */
    char suite[64];
    symbolon_text version = symbolon_library_version();
    const char *own = memchr(version.bytes, ' ', version.length);
    size_t own_length = own == NULL ? 0 : version.length - (size_t)(own + 1 - version.bytes);
    bool is_own = text_of(line, "suite", suite, sizeof suite) && strlen(suite) == own_length &&
                  memcmp(suite, own + 1, own_length) == 0;
    printf("{\"ready\":%s}\n", is_own ? "true" : "false");
    fflush(stdout);
    if (!is_own)
        return false;
    city->id = bytes_of(line, "authority_id", &city->id_length);
    city->prepared = bytes_of(line, "prepared", &city->prepared_length);
    city->memory = malloc(symbolon_terminal_size());
    city->replay = malloc(REPLAY_SLOTS * symbolon_replay_slot_size());
    return city->id != NULL && city->id_length == 32 && city->prepared != NULL && city->memory != NULL &&
           city->replay != NULL;
}

int main(void)
{
    static char line[LINE_MOST];
    static struct city city;
    if (symbolon_interface_version() != SYMBOLON_INTERFACE_VERSION)
        return EXIT_FAILURE;
    bool runs = fgets(line, sizeof line, stdin) != NULL && set_up(&city, line);
    bool is_good = true;
    while (runs && is_good && fgets(line, sizeof line, stdin) != NULL)
        is_good = run_case(&city, line);
    free(city.id);
    free(city.prepared);
    free(city.memory);
    free(city.replay);
    return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
