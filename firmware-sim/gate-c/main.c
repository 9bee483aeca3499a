/*
 * The gate once more, its main in C: what `firmware-sim/gate` does, through the library for C. There is no standard
 * library beneath, no allocator, and no way to panic: the linker finds no function to call at one.
 */
#include "board.h"
#include "symbolon.h"

#include <string.h>

enum {
    PAGE = SYMBOLON_FLASH_ERASE_SIZE,
    REPLAY_SLOTS = 256,
    REPLAY_SLOT_SIZE = 24,
    /* `symbolon_terminal_size()` of either suite, which is asked at the start. */
    TERMINAL_ROOM = 9 * 1024,
    FRAME_MOST = 261,
    FRAME_ROOM = FRAME_MOST + 4,
    QUIET_MILLISECONDS = 50
};

/* All memory that lives as long as the program, where the linker counts it. */
static uint64_t terminal_memory[TERMINAL_ROOM / sizeof(uint64_t)];
static uint64_t replay_memory[REPLAY_SLOTS * REPLAY_SLOT_SIZE / sizeof(uint64_t)];

/* ---- Frames: length u16 | bytes | CRC-16/CCITT-FALSE over both ---- */

struct frames {
    enum board_line line;
    size_t filled;
    uint64_t last_byte; /* when, milliseconds */
    uint8_t bytes[FRAME_ROOM];
    uint8_t content[FRAME_MOST];
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

static void send_frame(const struct frames *frames, const uint8_t *bytes, size_t length)
{
    uint8_t frame[FRAME_ROOM];
    if (length > FRAME_MOST)
        return;
    frame[0] = (uint8_t)(length >> 8);
    frame[1] = (uint8_t)length;
    memcpy(frame + 2, bytes, length);
    uint16_t sum = checksum(frame, length + 2);
    frame[length + 2] = (uint8_t)(sum >> 8);
    frame[length + 3] = (uint8_t)sum;
    board_line_write(frames->line, frame, length + 4);
}

static void drop(struct frames *frames, size_t count)
{
    frames->filled -= count;
    /* The library has no `memmove`, which would be larger than all of this file's frames. */
    for (size_t i = 0; i < frames->filled; i++)
        frames->bytes[i] = frames->bytes[i + count];
}

/*
 * Takes what has come for a frame, whose content goes to `content`; its length, or 0 while there is none. What is no frame
 * is dropped from its first byte on: a frame behind it is found.
 */
static size_t take_frame(struct frames *frames)
{
    while (frames->filled >= 2) {
        size_t length = (size_t)frames->bytes[0] << 8 | frames->bytes[1];
        if (length >= 1 && length <= FRAME_MOST) {
            if (frames->filled < length + 4)
                return 0;
            uint16_t sum = (uint16_t)(frames->bytes[length + 2] << 8 | frames->bytes[length + 3]);
            if (sum == checksum(frames->bytes, length + 2)) {
                memcpy(frames->content, frames->bytes + 2, length);
                drop(frames, length + 4);
                return length;
            }
        }
        drop(frames, 1);
    }
    return 0;
}

static size_t receive_frame(struct frames *frames)
{
    for (;;) {
        size_t length = take_frame(frames);
        int byte = length > 0 ? -1 : board_line_read(frames->line);
        if (byte >= 0) {
            /* There is room: a full buffer is a frame, or begins with none. */
            frames->bytes[frames->filled++] = (uint8_t)byte;
            frames->last_byte = board_milliseconds();
        } else if (length == 0 && frames->filled > 0
                   && board_milliseconds() >= frames->last_byte + QUIET_MILLISECONDS) {
            /* The rest of it does not come. */
            drop(frames, 1);
        } else {
            return length;
        }
    }
}

/* ---- The gate ---- */

struct gate {
    const uint8_t *block;
    symbolon_terminal *terminal;
    symbolon_request by_default; /* kind 0: nothing is asked by default */
    symbolon_request wanted;     /* what the service port said; kind 0: nothing */
    bool has_tap;
    /* Something has happened since it was tidied up last. */
    bool is_untidy;
    uint64_t next_call; /* when a card is called for next, milliseconds */
    struct frames card, service;
};

static struct gate gate;

static void say_text(symbolon_text text)
{
    board_say(text.bytes, text.length);
}

/* What the terminal shows: a line of text for whoever stands before it. */
static void show(const symbolon_step *step)
{
    const symbolon_verdict *verdict = &step->verdict;
    symbolon_text sentence = symbolon_reason_sentence(verdict->reason, SYMBOLON_LANGUAGE_ENGLISH);
    switch (step->outcome) {
    case SYMBOLON_OUTCOME_ACCEPTED:
        board_say("Accepted ", 9);
        board_say_number(verdict->amount);
        board_say_line(step->fault == SYMBOLON_FAULT_NONE ? "" : " (the card left without its receipt)");
        break;
    case SYMBOLON_OUTCOME_REPEATED:
        board_say_line("This tap was accepted before; here is its receipt again.");
        break;
    case SYMBOLON_OUTCOME_REFERRED:
        board_say("Please see our staff. ", 22);
        say_text(sentence);
        board_say_line("");
        break;
    case SYMBOLON_OUTCOME_DECLINED:
    case SYMBOLON_OUTCOME_NOT_ASKED:
        board_say("Declined. ", 10);
        say_text(sentence);
        board_say_line("");
        break;
    default:
        /* A gate calls for cards all day; that none is there is no news. */
        if (step->phase != SYMBOLON_PHASE_SELECT)
            board_say_line("Please hold your card again.");
    }
}

static void complain(symbolon_status status)
{
    say_text(symbolon_status_sentence(status));
    board_say_line("");
}

/* Does what the library says next. */
static void follow(symbolon_status status, const symbolon_step *step)
{
    if (status != SYMBOLON_STATUS_OK)
        complain(status);
    else if (step->kind == SYMBOLON_STEP_SEND) {
        send_frame(&gate.card, step->command, step->command_length);
        return;
    } else if (step->kind == SYMBOLON_STEP_WAIT)
        return;
    gate.has_tap = false;
    gate.is_untidy = true;
    gate.next_call = board_milliseconds() + block_number(gate.block, BLOCK_POLL_MILLISECONDS);
    if (status != SYMBOLON_STATUS_OK)
        return;
    if (step->outcome != SYMBOLON_OUTCOME_FAILED)
        gate.wanted.kind = 0;
    show(step);
}

static void serve_card(void)
{
    symbolon_step step = {.size = sizeof step};
    size_t length;
    while ((length = receive_frame(&gate.card)) > 0) {
        board_step_begin();
        symbolon_status status =
            symbolon_terminal_respond(gate.terminal, gate.card.content, length, board_milliseconds(), &step);
        if ((gate.block[BLOCK_FLAGS] & SAYS_STEPS) != 0)
            board_step_end();
        follow(status, &step);
    }
    if (gate.has_tap) {
        symbolon_status status = symbolon_terminal_poll(gate.terminal, board_milliseconds(), &step);
        follow(status, &step);
    }
}

/* The key under the authority that follows, if the block has one. */
static symbolon_key next_key(const uint8_t *block)
{
    symbolon_key key = {.credential = NULL};
    if ((block[BLOCK_FLAGS] & HAS_NEXT_KEY) != 0)
        key = (symbolon_key){.credential = block + BLOCK_NEXT_CREDENTIAL, .secret = block + BLOCK_NEXT_SECRET};
    return key;
}

static void serve_port(void)
{
    uint8_t answer[SYMBOLON_PORT_MOST];
    size_t length;
    while ((length = receive_frame(&gate.service)) > 0) {
        size_t answer_length = 0;
        symbolon_status status = symbolon_terminal_port(gate.terminal, gate.service.content, length, answer,
                                                        sizeof answer, &answer_length);
        /* Before the answer: whoever loaded a successor brings its trust bundle next. Otherwise there is nothing to add. */
        symbolon_key next = next_key(gate.block);
        if (next.credential != NULL)
            (void)symbolon_terminal_add_key(gate.terminal, &next);
        if (status == SYMBOLON_STATUS_OK)
            send_frame(&gate.service, answer, answer_length);
        else
            complain(status);
        gate.is_untidy = true;
        symbolon_request wanted = {.size = sizeof wanted};
        if (symbolon_terminal_wanted(gate.terminal, &wanted) == SYMBOLON_STATUS_OK) {
            gate.wanted = wanted;
            gate.next_call = 0;
        }
    }
}

/* Does beforehand, while nobody taps, what the next tap would wait for. */
static void tidy_up(void)
{
    if (!gate.is_untidy || gate.has_tap)
        return;
    gate.is_untidy = false;
    /* A flash that fails says so at the next tap. */
    (void)symbolon_terminal_idle(gate.terminal);
}

static void call_for_a_card(void)
{
    const symbolon_request *request = gate.wanted.kind != 0 ? &gate.wanted : &gate.by_default;
    if (gate.has_tap || request->kind == 0 || board_milliseconds() < gate.next_call)
        return;
    symbolon_step step = {.size = sizeof step};
    gate.has_tap = true;
    symbolon_status status = symbolon_terminal_start(gate.terminal, request, board_milliseconds(), &step);
    follow(status, &step);
}

/* For how long there is nothing to do if nothing comes. */
static uint64_t pause_milliseconds(void)
{
    uint64_t now = board_milliseconds();
    if (gate.has_tap || gate.card.filled > 0 || gate.service.filled > 0)
        return QUIET_MILLISECONDS;
    if (gate.wanted.kind == 0 && gate.by_default.kind == 0)
        return UINT64_MAX;
    return gate.next_call > now ? gate.next_call - now : 0;
}

/* ---- Start ---- */

static symbolon_region pages(uint32_t *next, uint32_t count)
{
    symbolon_region region = {*next, count * PAGE};
    *next += region.length;
    return region;
}

/* As the images in Rust have it: a bundle's slot holds a share of a city of ten million cards. */
static symbolon_layout layout(void)
{
    symbolon_layout layout;
    uint32_t next = 0;
    layout.state = pages(&next, 4);
    layout.journal = pages(&next, 64);
    for (int i = 0; i < 3; i++)
        layout.bundles[i] = pages(&next, 256);
    for (int i = 0; i < 2; i++)
        layout.authorities[i] = pages(&next, 18);
    return layout;
}

/* Its large structures are gone from the stack before the day begins. */
__attribute__((noinline)) static symbolon_status open_terminal(const uint8_t *block)
{
    symbolon_platform platform = {
        .size = sizeof platform,
        .flash_length = BOARD_FLASH_LENGTH,
        .flash_read = board_flash_read,
        .flash_write = board_flash_write,
        .flash_erase = board_flash_erase,
        .now = board_now,
        .set_now = board_set_now,
        .random = board_random,
    };
    symbolon_settings settings = {
        .size = sizeof settings,
        .patience_milliseconds = block_number(block, BLOCK_PATIENCE_MILLISECONDS),
        .authority_id = block + BLOCK_AUTHORITY_ID,
        .authority = block + BLOCK_PARAMETERS,
        .authority_length = block_number(block, BLOCK_PARAMETERS_LENGTH),
        .authority_key = (block[BLOCK_FLAGS] & HAS_OWN_KEY) != 0 ? block + BLOCK_OWN_KEY : NULL,
        .key = {.credential = block + BLOCK_CREDENTIAL, .secret = block + BLOCK_SECRET},
        .next_key = next_key(block),
        .replay = replay_memory,
        .replay_slots = REPLAY_SLOTS,
        .layout = layout(),
        .sectors = 1 | 2 | 4,
        .kinds = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5,
        .accepts_without_bundle = (block[BLOCK_FLAGS] & NEEDS_NO_BUNDLE) != 0,
        .most_without_bundle = UINT32_MAX,
        .clock_jump_seconds = 86400,
        .clock_ahead_seconds = 400ULL * 86400,
    };
    if (settings.authority_length > BLOCK_LENGTH - BLOCK_PARAMETERS)
        return SYMBOLON_STATUS_AUTHORITY;
    if (symbolon_interface_version() != SYMBOLON_INTERFACE_VERSION || symbolon_replay_slot_size() > REPLAY_SLOT_SIZE)
        return SYMBOLON_STATUS_WRONG_SIZE;
    return symbolon_terminal_open(terminal_memory, sizeof terminal_memory, &settings, &platform, &gate.terminal);
}

int main(void)
{
    const uint8_t *block = board_block();
    if (block == NULL) {
        board_say_line("This device has not been provisioned.");
        return 1;
    }
    board_start(block);
    board_keep_time();
    symbolon_status status = open_terminal(block);
    if (status != SYMBOLON_STATUS_OK) {
        complain(status);
        return 1;
    }
    gate.card.line = LINE_CARD;
    gate.service.line = LINE_SERVICE;
    gate.block = block;
    gate.by_default = (symbolon_request){.size = sizeof gate.by_default,
                                         .amount = block_number(block, BLOCK_AMOUNT),
                                         .kind = block[BLOCK_KIND] <= 5 ? block[BLOCK_KIND] : 0,
                                         .sector = block[BLOCK_SECTOR]};
    memcpy(gate.by_default.reference, block + BLOCK_REFERENCE, sizeof gate.by_default.reference);
    gate.is_untidy = true;
    board_say_line("Ready.");
    for (;;) {
        serve_port();
        serve_card();
        tidy_up();
        call_for_a_card();
        board_keep_time();
        board_sleep(pause_milliseconds());
    }
}
