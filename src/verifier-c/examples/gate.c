/*
 * A whole terminal on a host: flash in a file, the card on one Unix socket, maintenance on another.
 *
 *     gate FOLDER [--kind KIND] [--sector SECTOR] [--amount AMOUNT] [--now SECONDS] [--taps COUNT]
 *
 * FOLDER has what was provisioned: `authority.id` (32 bytes), `authority.prepared`, `terminal.credential` (89 bytes) and
 * `terminal.secret` (32 bytes). The gate adds `flash.bin`, and listens on `card.sock` and `service.sock` there. Frames on
 * both are as on a serial line: a length, the bytes, and a checksum.
 *
 * Every verdict is a line on standard output. The program is C99 and POSIX; a terminal without an operating system
 * keeps the middle of it, from `platform_read` to `serve_card`, and brings its own sockets.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "symbolon.h"

enum {
    PAGE = 4096,
    /* Two pages of state, a journal, three slots for bundles and two for authorities. */
    STATE_LENGTH = 2 * PAGE,
    JOURNAL_LENGTH = 8 * PAGE,
    BUNDLE_LENGTH = 16 * PAGE,
    AUTHORITY_LENGTH = 18 * PAGE,
    FLASH_LENGTH = STATE_LENGTH + JOURNAL_LENGTH + 3 * BUNDLE_LENGTH + 2 * AUTHORITY_LENGTH,
    REPLAY_SLOTS = 256,
    FRAME_MOST = 512,
    PATIENCE_MILLISECONDS = 2000
};

/* ---- The device: flash, clock, randomness ---- */

struct device {
    int flash;          /* the file */
    bool clock_is_set;  /* the time was given, by an argument or the service port */
    uint64_t clock_set_to;
    uint64_t clock_set_at; /* milliseconds since the start */
    bool clock_stands;     /* for tests: the time given does not pass */
};

static uint64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

static int32_t platform_read(void *context, uint32_t offset, uint8_t *into, size_t length)
{
    const struct device *device = context;
    return pread(device->flash, into, length, (off_t)offset) == (ssize_t)length ? 0 : -1;
}

/* Writing clears bits and never sets one: the file is as strict as a chip. */
static int32_t platform_write(void *context, uint32_t offset, const uint8_t *bytes, size_t length)
{
    const struct device *device = context;
    uint8_t old[256];
    for (size_t done = 0; done < length;) {
        size_t now = length - done < sizeof old ? length - done : sizeof old;
        off_t at = (off_t)offset + (off_t)done;
        if (pread(device->flash, old, now, at) != (ssize_t)now)
            return -1;
        for (size_t i = 0; i < now; i++)
            if ((bytes[done + i] & (uint8_t)~old[i]) != 0)
                return -1;
        if (pwrite(device->flash, bytes + done, now, at) != (ssize_t)now)
            return -1;
        done += now;
    }
    return fdatasync(device->flash) == 0 ? 0 : -1;
}

static int32_t platform_erase(void *context, uint32_t from, uint32_t to)
{
    const struct device *device = context;
    uint8_t erased[PAGE];
    memset(erased, 0xFF, sizeof erased);
    for (uint32_t at = from; at < to; at += PAGE)
        if (pwrite(device->flash, erased, sizeof erased, (off_t)at) != (ssize_t)sizeof erased)
            return -1;
    return fdatasync(device->flash) == 0 ? 0 : -1;
}

static int32_t platform_now(void *context, uint64_t *seconds)
{
    const struct device *device = context;
    if (!device->clock_is_set)
        *seconds = (uint64_t)time(NULL);
    else if (device->clock_stands)
        *seconds = device->clock_set_to;
    else
        *seconds = device->clock_set_to + (milliseconds() - device->clock_set_at) / 1000U;
    return 0;
}

static int32_t platform_set_now(void *context, uint64_t seconds)
{
    struct device *device = context;
    device->clock_is_set = true;
    device->clock_set_to = seconds;
    device->clock_set_at = milliseconds();
    return 0;
}

static int32_t platform_random(void *context, uint8_t *into, size_t length)
{
    (void)context;
    int source = open("/dev/urandom", O_RDONLY);
    if (source < 0)
        return -1;
    ssize_t got = read(source, into, length);
    close(source);
    return got == (ssize_t)length ? 0 : -1;
}

/* ---- Frames: length u16 | bytes | CRC-16/CCITT-FALSE over both ---- */

struct line {
    int socket;
    size_t filled;
    uint8_t bytes[FRAME_MOST];
};

static uint16_t checksum(const uint8_t *bytes, size_t length)
{
    uint16_t sum = 0xFFFF;
    for (size_t i = 0; i < length; i++) {
        sum = (uint16_t)(sum ^ (uint16_t)(bytes[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            sum = (uint16_t)((sum & 0x8000) != 0 ? (sum << 1) ^ 0x1021 : sum << 1);
    }
    return sum;
}

static void send_frame(const struct line *line, const uint8_t *bytes, size_t length)
{
    uint8_t frame[FRAME_MOST];
    if (length > sizeof frame - 4)
        return;
    frame[0] = (uint8_t)(length >> 8);
    frame[1] = (uint8_t)length;
    memcpy(frame + 2, bytes, length);
    uint16_t sum = checksum(frame, length + 2);
    frame[length + 2] = (uint8_t)(sum >> 8);
    frame[length + 3] = (uint8_t)sum;
    /* Whoever left is noticed when reading. */
    (void)!write(line->socket, frame, length + 4);
}

/*
 * Reads what has come. Returns the length of a frame whose content now begins at bytes + 2; 0 while there is none; -1
 * when the other side left, or sends what is no frame.
 */
static int receive_frame(struct line *line)
{
    ssize_t got = read(line->socket, line->bytes + line->filled, sizeof line->bytes - line->filled);
    if (got <= 0)
        return -1;
    line->filled += (size_t)got;
    if (line->filled < 4)
        return 0;
    size_t length = (size_t)line->bytes[0] << 8 | line->bytes[1];
    if (length > sizeof line->bytes - 4)
        return -1;
    if (line->filled < length + 4)
        return 0;
    uint16_t sum = (uint16_t)(line->bytes[length + 2] << 8 | line->bytes[length + 3]);
    /* One question, one answer: nothing follows a frame before it was answered. */
    if (line->filled != length + 4 || sum != checksum(line->bytes, length + 2))
        return -1;
    line->filled = 0;
    return (int)length;
}

static void hang_up(struct line *line)
{
    if (line->socket >= 0)
        close(line->socket);
    line->socket = -1;
    line->filled = 0;
}

/* ---- The gate ---- */

struct gate {
    symbolon_terminal *terminal;
    symbolon_request next;  /* what the next card is asked for */
    bool has_tap;           /* a tap goes on */
    long taps_left;         /* below zero: no end */
};

static void say(const symbolon_step *step)
{
    const symbolon_verdict *verdict = &step->verdict;
    symbolon_text sentence = symbolon_reason_sentence(verdict->reason, SYMBOLON_LANGUAGE_ENGLISH);
    symbolon_text name = symbolon_reason_name(verdict->reason);
    switch (step->outcome) {
    case SYMBOLON_OUTCOME_ACCEPTED:
        printf("accepted %" PRIu32 " counter %" PRIu32 " receipt %s", verdict->amount, verdict->counter,
               step->fault == SYMBOLON_FAULT_NONE ? "taken" : "not taken");
        if ((verdict->established & SYMBOLON_ESTABLISHED_DATA) != 0)
            printf(" data %" PRIu64 " s old", verdict->data_age_seconds);
        if (verdict->credited_unit != 0)
            printf(" credited %" PRIu32 " %s", verdict->credited_quantity,
                   verdict->credited_unit == SYMBOLON_UNIT_WATT_HOURS ? "Wh" : "l");
        printf("\n");
        break;
    case SYMBOLON_OUTCOME_REPEATED:
        printf("repeated: the receipt was given once more\n");
        break;
    case SYMBOLON_OUTCOME_REFERRED:
    case SYMBOLON_OUTCOME_DECLINED:
    case SYMBOLON_OUTCOME_NOT_ASKED:
        printf("%s %.*s: %.*s\n", step->outcome == SYMBOLON_OUTCOME_REFERRED ? "referred" : "declined",
               (int)name.length, name.bytes, (int)sentence.length, sentence.bytes);
        break;
    default:
        printf("failed in phase %u: fault %u, status word %04x\n", (unsigned)step->phase, (unsigned)step->fault,
               (unsigned)step->status_word);
    }
    fflush(stdout);
}

/* Does what the library says next. */
static void follow(struct gate *gate, struct line *card, symbolon_status status, const symbolon_step *step)
{
    if (status != SYMBOLON_STATUS_OK) {
        symbolon_text sentence = symbolon_status_sentence(status);
        printf("error %u: %.*s\n", (unsigned)status, (int)sentence.length, sentence.bytes);
        fflush(stdout);
        gate->has_tap = false;
        hang_up(card);
        return;
    }
    if (step->kind == SYMBOLON_STEP_SEND)
        send_frame(card, step->command, step->command_length);
    if (step->kind != SYMBOLON_STEP_DONE)
        return;
    say(step);
    gate->has_tap = false;
    hang_up(card);
    if (gate->taps_left > 0)
        gate->taps_left--;
}

static void serve_card(struct gate *gate, struct line *card, bool is_readable)
{
    symbolon_step step = {.size = sizeof step};
    if (is_readable) {
        int length = receive_frame(card);
        if (length < 0) {
            /* The card is gone. What it was asked ends by itself; a tap that is in the journal counts. */
            hang_up(card);
        } else if (length > 0) {
            symbolon_status status =
                symbolon_terminal_respond(gate->terminal, card->bytes + 2, (size_t)length, milliseconds(), &step);
            follow(gate, card, status, &step);
        }
    }
    if (gate->has_tap) {
        symbolon_status status = symbolon_terminal_poll(gate->terminal, milliseconds(), &step);
        follow(gate, card, status, &step);
    }
}

static void serve_port(struct gate *gate, struct line *service)
{
    uint8_t answer[SYMBOLON_PORT_MOST];
    size_t answer_length = 0;
    int length = receive_frame(service);
    if (length < 0)
        hang_up(service);
    if (length <= 0)
        return;
    symbolon_status status = symbolon_terminal_port(gate->terminal, service->bytes + 2, (size_t)length, answer,
                                                    sizeof answer, &answer_length);
    if (status == SYMBOLON_STATUS_OK)
        send_frame(service, answer, answer_length);
    symbolon_request wanted = {.size = sizeof wanted};
    if (symbolon_terminal_wanted(gate->terminal, &wanted) == SYMBOLON_STATUS_OK)
        gate->next = wanted;
}

static void begin_tap(struct gate *gate, struct line *card)
{
    symbolon_step step = {.size = sizeof step};
    gate->has_tap = true;
    symbolon_status status = symbolon_terminal_start(gate->terminal, &gate->next, milliseconds(), &step);
    follow(gate, card, status, &step);
}

static int listen_at(const char *folder, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int written = snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, name);
    if (written < 0 || (size_t)written >= sizeof address.sun_path)
        return -1;
    unlink(address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4) != 0)
        return -1;
    return listener;
}

static void serve(struct gate *gate, int cards, int services)
{
    struct line card = {.socket = -1}, service = {.socket = -1};
    while (gate->taps_left != 0) {
        /* A descriptor below zero is passed over: one card and one service at a time. */
        struct pollfd waiting[4] = {
            {.fd = card.socket < 0 && !gate->has_tap ? cards : -1, .events = POLLIN},
            {.fd = service.socket < 0 ? services : -1, .events = POLLIN},
            {.fd = card.socket, .events = POLLIN},
            {.fd = service.socket, .events = POLLIN},
        };
        int ready = poll(waiting, 4, gate->has_tap ? 50 : -1);
        if (ready < 0 && errno != EINTR)
            return;
        if (ready < 0)
            continue;
        if (waiting[0].revents != 0 && (card.socket = accept(cards, NULL, NULL)) >= 0)
            begin_tap(gate, &card);
        else if (gate->has_tap)
            serve_card(gate, &card, waiting[2].revents != 0);
        if (waiting[1].revents != 0)
            service.socket = accept(services, NULL, NULL);
        else if (waiting[3].revents != 0)
            serve_port(gate, &service);
    }
    hang_up(&card);
    hang_up(&service);
}

/* ---- Start ---- */

static void *read_file(const char *folder, const char *name, size_t *length)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    uint8_t *bytes = malloc(1U << 20);
    if (bytes != NULL)
        *length = fread(bytes, 1, 1U << 20, file);
    fclose(file);
    return bytes;
}

static int open_flash(const char *folder)
{
    char path[512];
    snprintf(path, sizeof path, "%s/flash.bin", folder);
    int file = open(path, O_RDWR | O_CREAT, 0600);
    if (file < 0)
        return -1;
    struct device blank = {.flash = file};
    if (lseek(file, 0, SEEK_END) < FLASH_LENGTH && platform_erase(&blank, 0, FLASH_LENGTH) != 0) {
        close(file);
        return -1;
    }
    return file;
}

static symbolon_layout layout(void)
{
    symbolon_layout layout;
    uint32_t at = 0;
    layout.state = (symbolon_region){at, STATE_LENGTH};
    at += STATE_LENGTH;
    layout.journal = (symbolon_region){at, JOURNAL_LENGTH};
    at += JOURNAL_LENGTH;
    for (int i = 0; i < 3; i++, at += BUNDLE_LENGTH)
        layout.bundles[i] = (symbolon_region){at, BUNDLE_LENGTH};
    for (int i = 0; i < 2; i++, at += AUTHORITY_LENGTH)
        layout.authorities[i] = (symbolon_region){at, AUTHORITY_LENGTH};
    return layout;
}

static int fail(const char *what)
{
    fprintf(stderr, "gate: %s\n", what);
    return EXIT_FAILURE;
}

static bool number(const char *text, uint64_t most, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long read = strtoull(text, &end, 10);
    *value = read;
    return errno == 0 && end != text && *end == '\0' && read <= most;
}

static bool take_argument(const char *name, const char *text, struct gate *gate, struct device *device)
{
    uint64_t value = 0;
    if (strcmp(name, "--kind") == 0 && number(text, 5, &value))
        gate->next.kind = (uint8_t)value;
    else if (strcmp(name, "--sector") == 0 && number(text, 4, &value))
        gate->next.sector = (uint8_t)value;
    else if (strcmp(name, "--amount") == 0 && number(text, UINT32_MAX, &value))
        gate->next.amount = (uint32_t)value;
    else if (strcmp(name, "--taps") == 0 && number(text, 1000000, &value))
        gate->taps_left = (long)value;
    else if (strcmp(name, "--now") == 0 && number(text, UINT64_MAX, &value)) {
        device->clock_stands = true;
        platform_set_now(device, value);
    } else
        return false;
    return true;
}

int main(int count, char **arguments)
{
    struct device device = {.flash = -1};
    struct gate gate = {
        .next = {.size = sizeof gate.next, .kind = 1, .sector = 4, .amount = 250},
        .taps_left = -1,
    };
    if (count < 2 || count % 2 != 0)
        return fail("usage: gate FOLDER [--kind KIND] [--sector SECTOR] [--amount AMOUNT] [--now SECONDS] [--taps COUNT]");
    const char *folder = arguments[1];
    for (int i = 2; i + 1 < count; i += 2)
        if (!take_argument(arguments[i], arguments[i + 1], &gate, &device))
            return fail("an argument is not understood");
    signal(SIGPIPE, SIG_IGN);

    size_t id_length = 0, authority_length = 0, credential_length = 0, secret_length = 0;
    uint8_t *id = read_file(folder, "authority.id", &id_length);
    uint8_t *authority = read_file(folder, "authority.prepared", &authority_length);
    uint8_t *credential = read_file(folder, "terminal.credential", &credential_length);
    uint8_t *secret = read_file(folder, "terminal.secret", &secret_length);
    if (id_length != 32 || authority_length == 0 || credential_length != 89 || secret_length != 32)
        return fail("the folder has not what a terminal is made of");
    device.flash = open_flash(folder);
    if (device.flash < 0)
        return fail("the flash cannot be opened");

    /* malloc aligns for everything; a device without one has a static array instead. */
    void *memory = malloc(symbolon_terminal_size());
    void *replay = malloc(REPLAY_SLOTS * symbolon_replay_slot_size());
    symbolon_platform platform = {
        .size = sizeof platform,
        .flash_length = FLASH_LENGTH,
        .context = &device,
        .flash_read = platform_read,
        .flash_write = platform_write,
        .flash_erase = platform_erase,
        .now = platform_now,
        .set_now = platform_set_now,
        .random = platform_random,
    };
    symbolon_settings settings = {
        .size = sizeof settings,
        .patience_milliseconds = PATIENCE_MILLISECONDS,
        .authority_id = id,
        .authority = authority,
        .authority_length = authority_length,
        .key = {.credential = credential, .secret = secret},
        .replay = replay,
        .replay_slots = REPLAY_SLOTS,
        .layout = layout(),
        .sectors = 1 | 2 | 4,
        .kinds = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5,
        /* Without a trust bundle small sums alone: the gate is on show. */
        .accepts_without_bundle = 1,
        .most_without_bundle = 1000,
        .clock_jump_seconds = 86400,
        .clock_ahead_seconds = 400ULL * 86400,
    };
    symbolon_status status =
        symbolon_terminal_open(memory, symbolon_terminal_size(), &settings, &platform, &gate.terminal);
    /* The library has its copy. */
    memset(secret, 0, secret_length);
    free(secret);
    free(credential);
    free(id);
    if (status != SYMBOLON_STATUS_OK) {
        symbolon_text sentence = symbolon_status_sentence(status);
        fprintf(stderr, "gate: %.*s\n", (int)sentence.length, sentence.bytes);
        return EXIT_FAILURE;
    }
    int cards = listen_at(folder, "card.sock"), services = listen_at(folder, "service.sock");
    if (cards < 0 || services < 0)
        return fail("the sockets cannot be made");
    printf("ready\n");
    fflush(stdout);
    serve(&gate, cards, services);

    status = symbolon_terminal_close(gate.terminal);
    free(replay);
    free(memory);
    free(authority);
    close(device.flash);
    return status == SYMBOLON_STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
