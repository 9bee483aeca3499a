/*
 * A Symbolon terminal for programs in C: a gate, a kiosk, a meter.
 *
 * Written by `cargo xtask header` from src/verifier-c; docs/terminal-integration.md is its manual.
 *
 * The caller owns all memory. Nothing is allocated, there are no globals, and no call blocks but in the caller's own
 * callbacks. A terminal is used by one thread at a time. Every function checks what it is given and answers with a
 * number; what it would write through a pointer is written only when the answer is SYMBOLON_STATUS_OK. Structures that
 * may grow begin with their size, set by the caller before the call: `symbolon_step step = {.size = sizeof step};`
 */

#ifndef SYMBOLON_H
#define SYMBOLON_H

#include <stddef.h>
#include <stdint.h>

/*
 Done.
 */
#define SYMBOLON_STATUS_OK 0

/*
 A pointer that must not be is NULL.
 */
#define SYMBOLON_STATUS_NULL_POINTER 1

/*
 A buffer, or the terminal's memory, is too short.
 */
#define SYMBOLON_STATUS_TOO_SHORT 2

/*
 Memory is not aligned as it has to be.
 */
#define SYMBOLON_STATUS_MISALIGNED 3

/*
 A structure's `size` is of no version that this library knows.
 */
#define SYMBOLON_STATUS_WRONG_SIZE 4

/*
 This is no open terminal: it was never opened, was closed, or its memory was moved.
 */
#define SYMBOLON_STATUS_NOT_OPEN 5

/*
 The call came out of one of this terminal's own callbacks.
 */
#define SYMBOLON_STATUS_BUSY 6

/*
 A number is outside its range, such as a kind or a sector.
 */
#define SYMBOLON_STATUS_OUT_OF_RANGE 7

/*
 This cannot be asked now: no challenge is open, or nothing was accepted that a receipt could be for.
 */
#define SYMBOLON_STATUS_WRONG_ORDER 8

/*
 The regions of the flash overlap, are not whole pages, or do not fit.
 */
#define SYMBOLON_STATUS_LAYOUT 9

/*
 The flash failed, or does not give back what was written.
 */
#define SYMBOLON_STATUS_FLASH 10

/*
 The clock failed.
 */
#define SYMBOLON_STATUS_CLOCK 11

/*
 The source of randomness failed.
 */
#define SYMBOLON_STATUS_RANDOM 12

/*
 The authority's parameters are missing, malformed, or not those that are trusted.
 */
#define SYMBOLON_STATUS_AUTHORITY 13

/*
 The key is not that of a terminal of this authority.
 */
#define SYMBOLON_STATUS_KEY 14

/*
 Nothing was signed; it may go better with other randomness.
 */
#define SYMBOLON_STATUS_SIGN 15

/*
 The trust bundle is malformed, or has what this library does not know and may not pass over.
 */
#define SYMBOLON_STATUS_BUNDLE_MALFORMED 16

/*
 Numbers that never repeat are used up: the terminal needs a new key.
 */
#define SYMBOLON_STATUS_EXHAUSTED 17

/*
 The trust bundle's signature is not the authority's.
 */
#define SYMBOLON_STATUS_BUNDLE_SIGNATURE 18

/*
 The trust bundle is of another authority, not for the terminal's sectors, or not of parts that belong together.
 */
#define SYMBOLON_STATUS_BUNDLE_OTHER 19

/*
 The trust bundle is not newer than the one that was taken before.
 */
#define SYMBOLON_STATUS_BUNDLE_OLD 20

/*
 The trust bundle is too far ahead of the clock, or of the one that was taken before.
 */
#define SYMBOLON_STATUS_BUNDLE_AHEAD 21

/*
 The terminal refused: this, and the number of the reason.
 */
#define SYMBOLON_STATUS_REFUSED 256

/*
 Length of a select response, bytes.
 */
#define SYMBOLON_SELECT_SIZE 20

/*
 Length of a challenge, bytes.
 */
#define SYMBOLON_CHALLENGE_SIZE 204

/*
 Length of a presentation, bytes.
 */
#define SYMBOLON_PRESENTATION_SIZE 159

/*
 Length of a receipt with its signature, bytes.
 */
#define SYMBOLON_RECEIPT_SIZE 106

/*
 Length of the longest command to a card, bytes.
 */
#define SYMBOLON_COMMAND_MOST 210

/*
 Length of the longest answer of the service port, bytes.
 */
#define SYMBOLON_PORT_MOST 258

/*
 How many bytes the flash is programmed at a time: offsets and lengths given to `flash_write` are multiples of it. A
 chip with shorter words programs several.
 */
#define SYMBOLON_FLASH_WRITE_SIZE 32

/*
 How many bytes of the flash are erased at a time: what `flash_erase` is given are multiples of it.
 */
#define SYMBOLON_FLASH_ERASE_SIZE 4096

/*
 `language`: English.
 */
#define SYMBOLON_LANGUAGE_ENGLISH 1

/*
 `verdict`: the tap counts and is in the journal.
 */
#define SYMBOLON_VERDICT_ACCEPTED 1

/*
 `verdict`: the terminal knows too little to say, or what it knows is too old; a person may decide.
 */
#define SYMBOLON_VERDICT_REFERRED 2

/*
 `verdict`: the tap does not count.
 */
#define SYMBOLON_VERDICT_DECLINED 3

/*
 `established`: the holder signed these terms, for this terminal.
 */
#define SYMBOLON_ESTABLISHED_SIGNATURE 1

/*
 `established`: the credential is valid at the time of the tap.
 */
#define SYMBOLON_ESTABLISHED_VALIDITY 2

/*
 `established`: the credential holds the sector and the currency.
 */
#define SYMBOLON_ESTABLISHED_SECTOR 4

/*
 `established`: the concession is the one that was declared.
 */
#define SYMBOLON_ESTABLISHED_TARIFF 8

/*
 `established`: the amount is within the limits of one tap.
 */
#define SYMBOLON_ESTABLISHED_LIMIT 16

/*
 `established`: the credential was not revoked `data_age_seconds` ago; without this bit, nothing is known.
 */
#define SYMBOLON_ESTABLISHED_DATA 32

/*
 `credited_unit`: watt-hours.
 */
#define SYMBOLON_UNIT_WATT_HOURS 1

/*
 `credited_unit`: litres.
 */
#define SYMBOLON_UNIT_LITRES 2

/*
 `kind` of a step: send `command` to the card, and give what it answers to `symbolon_terminal_respond`.
 */
#define SYMBOLON_STEP_SEND 1

/*
 `kind` of a step: the tap is over; `outcome` says how.
 */
#define SYMBOLON_STEP_DONE 2

/*
 `kind` of a step: nothing to do but to wait for the card.
 */
#define SYMBOLON_STEP_WAIT 3

/*
 `outcome`: the tap counts; `fault` says whether the card took its receipt.
 */
#define SYMBOLON_OUTCOME_ACCEPTED 1

/*
 `outcome`: a tap that was accepted before; it got its receipt again. Nothing is opened or credited for it.
 */
#define SYMBOLON_OUTCOME_REPEATED 2

/*
 `outcome`: see `SYMBOLON_VERDICT_REFERRED`.
 */
#define SYMBOLON_OUTCOME_REFERRED 3

/*
 `outcome`: see `SYMBOLON_VERDICT_DECLINED`.
 */
#define SYMBOLON_OUTCOME_DECLINED 4

/*
 `outcome`: the terminal did not ask this card for this; the reason is in `verdict`.
 */
#define SYMBOLON_OUTCOME_NOT_ASKED 5

/*
 `outcome`: the card did not answer as it must; `phase`, `fault` and `status_word` say what it did.
 */
#define SYMBOLON_OUTCOME_FAILED 6

/*
 `phase`: SELECT.
 */
#define SYMBOLON_PHASE_SELECT 1

/*
 `phase`: VOUCHER.
 */
#define SYMBOLON_PHASE_VOUCHER 2

/*
 `phase`: PRESENT.
 */
#define SYMBOLON_PHASE_PRESENT 3

/*
 `phase`: RECEIPT.
 */
#define SYMBOLON_PHASE_RECEIPT 4

/*
 `fault`: none.
 */
#define SYMBOLON_FAULT_NONE 0

/*
 `fault`: the card did not answer in time.
 */
#define SYMBOLON_FAULT_SILENT 1

/*
 `fault`: its answer is not as long as it must be.
 */
#define SYMBOLON_FAULT_LENGTH 2

/*
 `fault`: it answered with `status_word`.
 */
#define SYMBOLON_FAULT_STATUS 3

/*
 `fault`: it answered while nothing was asked.
 */
#define SYMBOLON_FAULT_UNASKED 4

/*
 `fault`: the receipt was not signed, so that none was sent.
 */
#define SYMBOLON_FAULT_NOT_SIGNED 5

/*
 The version of this interface. It changes when a program has to be compiled again; what is only added leaves it.
 */
#define SYMBOLON_INTERFACE_VERSION 1

/*
 An open terminal. Its insides are the library's.
 */
typedef struct symbolon_terminal symbolon_terminal;

/*
 What a function answers with: 0 when it did what it was asked. Numbers are never given to another meaning; later
 versions add some.

 1 to 255 say that the call was wrong or that the device underneath failed. From `SYMBOLON_STATUS_REFUSED` on the
 terminal refused, for the reason of the number above it. `symbolon_status_sentence` has a sentence for each.
 */
typedef uint32_t symbolon_status;

/*
 A terminal's key under one authority.
 */
typedef struct symbolon_key {
    /*
     The credential, 89 bytes.
     */
    const uint8_t *credential;
    /*
     The secret that goes with it, 32 bytes; copied, and erased when the terminal is closed.
     */
    const uint8_t *secret;
} symbolon_key;

/*
 A part of the flash, in whole pages.
 */
typedef struct symbolon_region {
    /*
     Where it begins, bytes.
     */
    uint32_t offset;
    /*
     How long it is, bytes.
     */
    uint32_t length;
} symbolon_region;

/*
 Where in the flash what is kept.
 */
typedef struct symbolon_layout {
    /*
     The terminal's state: at least two pages.
     */
    struct symbolon_region state;
    /*
     Accepted taps until they are acknowledged: at least two pages, 16 taps a page.
     */
    struct symbolon_region journal;
    /*
     Trust bundles: one for each of two authorities, and one to load the next into.
     */
    struct symbolon_region bundles[3];
    /*
     The parameters of the authority in use and of its successor, 18 pages each; of length 0 where the parameters are
     in memory, and no successor is ever taken.
     */
    struct symbolon_region authorities[2];
} symbolon_layout;

/*
 What a terminal is made of. Whatever it points at may be given back after the call, but for `authority`,
 `replay` and `subjects`.
 */
typedef struct symbolon_settings {
    /*
     `sizeof(symbolon_settings)`.
     */
    uint32_t size;
    /*
     How long a card may take for an answer, milliseconds.
     */
    uint32_t patience_milliseconds;
    /*
     The digest of the authority that is trusted, 32 bytes.
     */
    const uint8_t *authority_id;
    /*
     The authority's prepared parameters in memory, which stay there until the terminal is closed; NULL when they are
     in the flash (`symbolon_provision_authority`).
     */
    const uint8_t *authority;
    /*
     How long they are, bytes.
     */
    size_t authority_length;
    /*
     The terminal's key.
     */
    struct symbolon_key key;
    /*
     Its key under the successor of its authority, in either order; pointers of NULL without one.
     */
    struct symbolon_key next_key;
    /*
     Memory for the taps accepted last, aligned for `uint64_t`, until the terminal is closed; may be NULL.
     */
    void *replay;
    /*
     How many of them it holds, `symbolon_replay_slot_size()` bytes each.
     */
    size_t replay_slots;
    /*
     Memory in which the pseudonyms of revoked cards are recognised by a full trust bundle's seeds, until the terminal is
     closed; NULL where compact bundles are used.
     */
    void *subjects;
    /*
     How many subjects it holds, 16 bytes each.
     */
    size_t subject_slots;
    /*
     Where in the flash what is kept.
     */
    struct symbolon_layout layout;
    /*
     Where the terminal works: 1 water, 2 power, 4 transport, added. Of these, those of its credential count.
     */
    uint8_t sectors;
    /*
     The kinds of transactions that it asks for: 1 << kind each, added.
     */
    uint8_t kinds;
    /*
     Whether anything is accepted without a trust bundle: 0 or 1.
     */
    uint8_t accepts_without_bundle;
    /*
     Whether anything is accepted after the trust bundle's time: 0 or 1.
     */
    uint8_t accepts_after_expiry;
    /*
     The most for a tap without a trust bundle, minor units.
     */
    uint32_t most_without_bundle;
    /*
     The most for a tap after the trust bundle's time, minor units.
     */
    uint32_t most_after_expiry;
    /*
     For how long after the trust bundle's time.
     */
    uint64_t after_expiry_seconds;
    /*
     How far ahead of the clock a new trust bundle may be.
     */
    uint64_t clock_jump_seconds;
    /*
     How far ahead of the latest signed time the clock may be before it counts as wrong.
     */
    uint64_t clock_ahead_seconds;
    /*
     Whom codes shown on a screen have to pay: the first 16 bytes of SHA-256 of the operator's name. NULL for a terminal
     that takes no codes.
     */
    const uint8_t *codes_pay;
    /*
     The key of the institution that is called like the authority, 64 bytes, believed as `authority_id` is and kept where
     that is; NULL to compute it whenever the terminal is opened, nearly all that opening takes.
     */
    const uint8_t *authority_key;
} symbolon_settings;

/*
 The device underneath. Every callback answers 0 when it did what it was asked and anything else when it did not; it
 must not call this library with the same terminal.
 */
typedef struct symbolon_platform {
    /*
     `sizeof(symbolon_platform)`.
     */
    uint32_t size;
    /*
     Length of the flash, bytes.
     */
    uint32_t flash_length;
    /*
     Given to every callback; may be NULL.
     */
    void *context;
    /*
     Reads `length` bytes at `offset`.
     */
    int32_t (*flash_read)(void *context,
                          uint32_t offset,
                          uint8_t *into,
                          size_t length);
    /*
     Programs `length` bytes at `offset`. They are erased, and programmed once between two erasures; a power cut in
     the middle may leave any of their bits.
     */
    int32_t (*flash_write)(void *context,
                           uint32_t offset,
                           const uint8_t *bytes,
                           size_t length);
    /*
     Erases the pages from `from` up to `to`: every byte becomes 0xFF.
     */
    int32_t (*flash_erase)(void *context,
                           uint32_t from,
                           uint32_t to);
    /*
     The time, seconds since 1970 UTC.
     */
    int32_t (*now)(void *context,
                   uint64_t *seconds);
    /*
     Sets the clock; NULL when the service port may not.
     */
    int32_t (*set_now)(void *context,
                       uint64_t seconds);
    /*
     Fills with randomness that nobody can predict.
     */
    int32_t (*random)(void *context,
                      uint8_t *into,
                      size_t length);
} symbolon_platform;

/*
 What the next card is asked for.
 */
typedef struct symbolon_request {
    /*
     `sizeof(symbolon_request)`.
     */
    uint32_t size;
    /*
     Minor units; 0 where the kind has no amount.
     */
    uint32_t amount;
    /*
     1 purchase, 2 entry, 3 exit, 4 credit (a voucher for this meter), 5 refund.
     */
    uint8_t kind;
    /*
     1 water, 2 power, 4 transport.
     */
    uint8_t sector;
    /*
     0.
     */
    uint16_t zero;
    /*
     The operator's own: a bill, a station.
     */
    uint8_t reference[16];
} symbolon_request;

/*
 What a terminal says to a card.
 */
typedef struct symbolon_verdict {
    /*
     `sizeof(symbolon_verdict)`.
     */
    uint32_t size;
    /*
     Accepted, referred or declined.
     */
    uint8_t verdict;
    /*
     The number of the reason; 0 when accepted. `symbolon_reason_sentence` has the sentence for a display.
     */
    uint8_t reason;
    /*
     What an accepted voucher credits: watt-hours or litres; 0 without one.
     */
    uint8_t credited_unit;
    /*
     1 when it was accepted on data too old, as the rules allow up to a lower cap; else 0.
     */
    uint8_t is_stale;
    /*
     How much it credits.
     */
    uint32_t credited_quantity;
    /*
     The voucher's number among those of this meter.
     */
    uint32_t credited_sequence;
    /*
     What is established, bits; 0 unless accepted.
     */
    uint32_t established;
    /*
     The amount of an accepted tap, minor units.
     */
    uint32_t amount;
    /*
     The card's counter of an accepted tap.
     */
    uint32_t counter;
    /*
     The currency of an accepted tap, ISO 4217 numeric.
     */
    uint16_t currency;
    /*
     The kind of an accepted tap.
     */
    uint8_t kind;
    /*
     The sector of an accepted tap.
     */
    uint8_t sector;
    /*
     How old the revocation data are, seconds, where they were used.
     */
    uint64_t data_age_seconds;
    /*
     SHA-256 of the credential of an accepted tap; with the counter, the transaction's identity.
     */
    uint8_t credential[32];
} symbolon_verdict;

/*
 What to do next in a tap.
 */
typedef struct symbolon_step {
    /*
     `sizeof(symbolon_step)`.
     */
    uint32_t size;
    /*
     Send, done, or wait.
     */
    uint8_t kind;
    /*
     When done: what became of the tap.
     */
    uint8_t outcome;
    /*
     When failed: which command was not answered.
     */
    uint8_t phase;
    /*
     What was wrong with the card's answer.
     */
    uint8_t fault;
    /*
     The status word of such an answer, where it had one.
     */
    uint16_t status_word;
    /*
     When sending: length of the command, bytes.
     */
    uint16_t command_length;
    /*
     When sending: the command.
     */
    uint8_t command[SYMBOLON_COMMAND_MOST];
    /*
     0.
     */
    uint16_t zero;
    /*
     When done: the verdict. Its `size` is set by the library.
     */
    struct symbolon_verdict verdict;
} symbolon_step;

/*
 Text in UTF-8 that stays where it is for ever. It does not end with a zero byte.
 */
typedef struct symbolon_text {
    /*
     Its bytes; NULL when there is none.
     */
    const char *bytes;
    /*
     How many they are.
     */
    size_t length;
} symbolon_text;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 How many bytes of memory a terminal needs.
 */
size_t symbolon_terminal_size(void);

/*
 On what its address has to be aligned, bytes.
 */
size_t symbolon_terminal_alignment(void);

/*
 How many bytes of `replay` one accepted tap takes.
 */
size_t symbolon_replay_slot_size(void);

/*
 Opens a terminal in `memory` and writes its handle to `*terminal`.

 The trust bundle that the flash holds is in use at once. A terminal that was open in this memory has to be closed
 before; after a reset, whatever is in it does not matter.

 The caller promises: `memory` is `length` bytes of the caller's that nobody else uses until the terminal is closed. The structures, and what
 they point at, are as their fields say. The callbacks may be called with their context until the terminal is closed.
 */
symbolon_status symbolon_terminal_open(void *memory,
                                       size_t length,
                                       const struct symbolon_settings *settings,
                                       const struct symbolon_platform *platform,
                                       struct symbolon_terminal **terminal);

/*
 Closes a terminal, and erases its memory with the keys in it. What the flash keeps, it keeps.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote, or NULL; its memory is still there.
 */
symbolon_status symbolon_terminal_close(struct symbolon_terminal *terminal);

/*
 Takes a command of whoever maintains the terminal, and writes what the port answers to it to `answer`, of which the
 length to `*answer_length`: uploads, acknowledgements, trust bundles, a successor's parameters, the time.

 The port trusts nobody; whatever comes is answered, if only with a status word.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `command` is `command_length` bytes; there is room for
 `answer_capacity` at `answer`, which are at least `SYMBOLON_PORT_MOST`.
 */
symbolon_status symbolon_terminal_port(struct symbolon_terminal *terminal,
                                       const uint8_t *command,
                                       size_t command_length,
                                       uint8_t *answer,
                                       size_t answer_capacity,
                                       size_t *answer_length);

/*
 Writes to `*request` what the service port was told that the next card is to be asked for. `SYMBOLON_STATUS_WRONG_ORDER`
 when it was told nothing since this was called last.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `request` is the caller's.
 */
symbolon_status symbolon_terminal_wanted(struct symbolon_terminal *terminal,
                                         struct symbolon_request *request);

/*
 Gives an open terminal its key under the successor of its authority, which the service port has loaded. From its first
 trust bundle on, the successor is used too. After a restart, the key is `next_key` of the settings.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; the key points at what it says.
 */
symbolon_status symbolon_terminal_add_key(struct symbolon_terminal *terminal,
                                          const struct symbolon_key *key);

/*
 Takes a trust bundle that is in memory, whole or the parts of one that this terminal holds: 1 to 16, in their order. They
 stay there, unchanged, until the next bundle was taken or the terminal is closed.

 A terminal that is served at its port keeps its bundle in flash, and does not need this.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `parts` and `lengths` are `count` each, and each part is as long as
 its length says.
 */
symbolon_status symbolon_terminal_install(struct symbolon_terminal *terminal,
                                          const uint8_t *const *parts,
                                          const size_t *lengths,
                                          size_t count);

/*
 Does what can be done ahead: for when nobody taps, every few seconds. The next tap is the quicker for it.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote.
 */
symbolon_status symbolon_terminal_idle(struct symbolon_terminal *terminal);

/*
 At the factory: puts the prepared parameters of the authority that the terminal is to trust into its flash, which is
 erased, or has what an interrupted call left. Needed once, unless the parameters are in memory.

 The caller promises: `platform` and `layout` are the caller's, and the callbacks may be called; `authority_id` is 32 bytes, `prepared` is
 `length` bytes.
 */
symbolon_status symbolon_provision_authority(const struct symbolon_platform *platform,
                                             const struct symbolon_layout *layout,
                                             const uint8_t *authority_id,
                                             const uint8_t *prepared,
                                             size_t length);

/*
 Begins a tap, as `request` says, and writes the first step to `*step`. A tap that went on is given up.

 `now_milliseconds`, here and in the calls that follow, is any clock that only goes forward.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; the structures are the caller's.
 */
symbolon_status symbolon_terminal_start(struct symbolon_terminal *terminal,
                                        const struct symbolon_request *request,
                                        uint64_t now_milliseconds,
                                        struct symbolon_step *step);

/*
 Takes what the card answered, status word included, and writes the next step to `*step`.

 When a step that sends has an accepted verdict, the tap counts already: the gate may open while the card takes its
 receipt.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `response` is `length` bytes; `step` is the caller's.
 */
symbolon_status symbolon_terminal_respond(struct symbolon_terminal *terminal,
                                          const uint8_t *response,
                                          size_t length,
                                          uint64_t now_milliseconds,
                                          struct symbolon_step *step);

/*
 Ends a tap whose card has been silent for too long; called now and then while nothing comes. Writes to `*step` that it
 is done, or that there is nothing to do but to wait.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `step` is the caller's.
 */
symbolon_status symbolon_terminal_poll(struct symbolon_terminal *terminal,
                                       uint64_t now_milliseconds,
                                       struct symbolon_step *step);

/*
 Asks the card that answered with `select`, 20 bytes, for what `request` says, and writes the challenge, 204 bytes, to
 `challenge`. For a program that speaks with its card in another way than by ISO 7816-4 commands.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `select` is `select_length` bytes; there is room for 204 at
 `challenge`.
 */
symbolon_status symbolon_terminal_challenge(struct symbolon_terminal *terminal,
                                            const uint8_t *select,
                                            size_t select_length,
                                            const struct symbolon_request *request,
                                            uint8_t *challenge);

/*
 At a meter: as `symbolon_terminal_challenge`, for the voucher of 109 bytes that the card carries.

 The caller promises: As `symbolon_terminal_challenge`; `voucher` is `voucher_length` bytes.
 */
symbolon_status symbolon_terminal_challenge_voucher(struct symbolon_terminal *terminal,
                                                    const uint8_t *select,
                                                    size_t select_length,
                                                    const uint8_t *voucher,
                                                    size_t voucher_length,
                                                    uint8_t *challenge);

/*
 Takes up a challenge that this terminal gave before, as after a restart in the middle of a tap. Never hand it the
 challenge of a voucher, which nothing tells from another of its kind: it would be taken up without the voucher, and
 accepted without credit. The card brings the voucher again: `symbolon_terminal_challenge_voucher`.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `select` and `challenge` are as long as said.
 */
symbolon_status symbolon_terminal_resume(struct symbolon_terminal *terminal,
                                         const uint8_t *select,
                                         size_t select_length,
                                         const uint8_t *challenge,
                                         size_t challenge_length);

/*
 Decides on what a card answered to the challenge, 159 bytes, and writes the verdict to `*verdict`. Bytes of a stranger
 leave the challenge open.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `presentation` is `length` bytes; `verdict` is the caller's.
 */
symbolon_status symbolon_terminal_decide(struct symbolon_terminal *terminal,
                                         const uint8_t *presentation,
                                         size_t length,
                                         struct symbolon_verdict *verdict);

/*
 Decides on a code shown on a screen, 209 bytes, and writes the verdict to `*verdict`.

 The caller promises: As `symbolon_terminal_decide`.
 */
symbolon_status symbolon_terminal_decide_code(struct symbolon_terminal *terminal,
                                              const uint8_t *code,
                                              size_t length,
                                              struct symbolon_verdict *verdict);

/*
 Writes the receipt of what `symbolon_terminal_decide` accepted last, 106 bytes, to `receipt`.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; there is room for 106 bytes at `receipt`.
 */
symbolon_status symbolon_terminal_receipt(struct symbolon_terminal *terminal,
                                          uint8_t *receipt);

/*
 Writes once more the receipt of a tap that the journal has, for a card that repeats its answer, 159 bytes, since the
 power failed before the receipt reached it. Nothing is opened or credited for it.

 The caller promises: `terminal` is what `symbolon_terminal_open` wrote; `presentation` is `length` bytes; there is room for 106 at
 `receipt`.
 */
symbolon_status symbolon_terminal_again(struct symbolon_terminal *terminal,
                                        const uint8_t *presentation,
                                        size_t length,
                                        uint8_t *receipt);

/*
 The version of the interface that the library has: compare it with `SYMBOLON_INTERFACE_VERSION` of the header.
 */
uint32_t symbolon_interface_version(void);

/*
 The library's version and suite, as in "0.1.0 P256-SHA256".
 */
struct symbolon_text symbolon_library_version(void);

/*
 The sentence of a reason, for a display; nothing for a number that is none's, or a language that there is not.
 */
struct symbolon_text symbolon_reason_sentence(uint32_t reason,
                                              uint32_t language);

/*
 The stable name of a reason, for logs, such as "expired"; nothing for a number that is none's.
 */
struct symbolon_text symbolon_reason_name(uint32_t reason);

/*
 What a status means, in a sentence; nothing for a number that is none's.
 */
struct symbolon_text symbolon_status_sentence(symbolon_status status);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SYMBOLON_H */
