//! The verifier in Rust beside the verifier as a program in C has it.
//!
//! Two terminals of one key, with flash of their own and one clock, are shown the same: a tap with something changed in
//! it, a code, commands to the port. They say the same, reason for reason, and keep the same. One suite, since a library
//! for C has one. Opening the terminal takes milliseconds, so it is slow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::{ffi::c_void, ptr::null_mut, sync::OnceLock};
use symbolon_ccks::{P256, prepare_parameters};
use symbolon_flash_sim::{ERASE_SIZE, SimulatedFlash};
use symbolon_fuzz::{
    city::{self, City, NOON},
    device::{Messages, TestClock},
    program::Program,
};
use symbolon_tap::apdu::Status as Word;
use symbolon_terminal as c;
use symbolon_verifier::{
    Devices, Domain, Offline, Policy, Reason, Seen, Terminal, Verdict,
    flash::{FlashStore, Layout, Pages, SharedFlash},
    port::Port,
};

fuzz_target!(|input: &[u8]| {
    let [which, rest @ ..] = input else {
        return;
    };
    compare(city::p256(), *which, rest);
});

const SLOTS: usize = 4;
const PAGES: Pages = Pages { state: 2, journal: 2, bundle: 1, authority: 0 };

type Flash = SimulatedFlash<Vec<u8>, { c::SYMBOLON_FLASH_WRITE_SIZE }>;
type Rust<'a> = Terminal<'a, P256, TestClock, rand_chacha::ChaCha20Rng, FlashStore<'a, Flash>>;

fn layout() -> Layout {
    Layout::consecutive(0, ERASE_SIZE as u32, &PAGES).expect("the pages follow one another")
}

/// What the callbacks have.
struct Device {
    flash: Vec<u8>,
    now: u64,
    drawn: u8,
}

unsafe fn device<'d>(context: *mut c_void) -> &'d mut Device {
    // SAFETY: every callback is given the context of `open`, which outlives the terminal, one at a time.
    unsafe { &mut *context.cast::<Device>() }
}

unsafe extern "C" fn flash_read(context: *mut c_void, offset: u32, into: *mut u8, length: usize) -> i32 {
    // SAFETY: the library gives room for so many bytes.
    let (device, into) = unsafe { (device(context), std::slice::from_raw_parts_mut(into, length)) };
    into.copy_from_slice(&device.flash[offset as usize..][..length]);
    0
}

unsafe extern "C" fn flash_write(context: *mut c_void, offset: u32, bytes: *const u8, length: usize) -> i32 {
    // SAFETY: the library gives so many bytes.
    let (device, bytes) = unsafe { (device(context), std::slice::from_raw_parts(bytes, length)) };
    let place = &mut device.flash[offset as usize..][..length];
    assert!(place.iter().all(|byte| *byte == 0xff), "programmed twice");
    place.copy_from_slice(bytes);
    0
}

unsafe extern "C" fn flash_erase(context: *mut c_void, from: u32, to: u32) -> i32 {
    // SAFETY: as `device` says.
    unsafe { device(context) }.flash[from as usize..to as usize].fill(0xff);
    0
}

unsafe extern "C" fn now(context: *mut c_void, seconds: *mut u64) -> i32 {
    // SAFETY: the library gives room for a number.
    unsafe { seconds.write(device(context).now) };
    0
}

unsafe extern "C" fn set_now(context: *mut c_void, seconds: u64) -> i32 {
    // SAFETY: as `device` says.
    unsafe { device(context) }.now = seconds;
    0
}

unsafe extern "C" fn random(context: *mut c_void, into: *mut u8, length: usize) -> i32 {
    // SAFETY: the library gives room for so many bytes.
    let (device, into) = unsafe { (device(context), std::slice::from_raw_parts_mut(into, length)) };
    device.drawn = device.drawn.wrapping_add(1);
    into.fill(device.drawn);
    0
}

fn policy(city: &City<P256>) -> Policy {
    Policy { without_bundle: Offline::UpTo(1_000), codes_pay: Some(city.operator()), ..Policy::STRICT }
}

fn compare(city: &City<P256>, which: u8, rest: &[u8]) {
    static PREPARED: OnceLock<Vec<u8>> = OnceLock::new();
    let prepared = PREPARED.get_or_init(|| prepare_parameters(&city.parameters).expect("they parse"));
    let whole = layout().end() as usize;
    let mut device = Device { flash: vec![0xff; whole], now: NOON, drawn: 0 };
    let mut replay = vec![0u64; SLOTS * size_of::<Seen>() / 8];
    let mut memory = vec![0u128; c::symbolon_terminal_size().div_ceil(16)];
    let in_c = open(city, prepared, &mut device, &mut replay, &mut memory);

    let flash = SharedFlash::new(Flash::erased(vec![0; whole]));
    let storage = FlashStore::open(&flash, layout()).expect("the layout is that of the flash");
    let random = rand_chacha::rand_core::SeedableRng::seed_from_u64(1);
    let devices = Devices { clock: TestClock::default(), random, storage };
    let mut seen = [Seen::EMPTY; SLOTS];
    let domain = Domain::new(&city.authority, &city.terminals[0]).expect("a terminal's key");
    let mut in_rust = Terminal::new(domain, policy(city), devices, &mut seen);

    if which & 8 != 0 {
        // The same code twice: the second time it was seen already.
        for _ in 0..2 {
            let mut verdict = empty();
            // SAFETY: the terminal is open; the bytes are a slice's.
            let status = unsafe { c::symbolon_terminal_decide_code(in_c, rest.as_ptr(), rest.len(), &mut verdict) };
            assert_eq!(status, c::SYMBOLON_STATUS_OK);
            assert_same(&verdict, &in_rust.decide_code(rest));
        }
    } else if which & 16 != 0 {
        ports(in_c, &mut in_rust, rest);
    } else {
        tap(city, in_c, &mut in_rust, which, Program::new(rest));
    }
    // SAFETY: it is open.
    assert_eq!(unsafe { c::symbolon_terminal_close(in_c) }, c::SYMBOLON_STATUS_OK);
    let kept = FlashStore::open(&flash, layout()).and_then(|store| store.unacknowledged());
    let shared = SharedFlash::new(Flash::new(device.flash));
    let kept_in_c = FlashStore::open(&shared, layout()).and_then(|store| store.unacknowledged());
    assert_eq!(kept, kept_in_c);
}

fn open(
    city: &City<P256>,
    prepared: &'static [u8],
    device: &mut Device,
    replay: &mut [u64],
    memory: &mut [u128],
) -> *mut c::OpenTerminal {
    let platform = c::Platform {
        size: size_of::<c::Platform>() as u32,
        flash_length: device.flash.len() as u32,
        context: std::ptr::from_mut(device).cast(),
        flash_read: Some(flash_read),
        flash_write: Some(flash_write),
        flash_erase: Some(flash_erase),
        now: Some(now),
        set_now: Some(set_now),
        random: Some(random),
    };
    let region =
        |region: symbolon_verifier::flash::Region| c::Region { offset: region.offset(), length: region.length() };
    let layout = layout();
    let layout = c::Layout {
        state: region(layout.regions().state),
        journal: region(layout.regions().journal),
        bundles: layout.regions().bundles.map(region),
        authorities: layout.regions().authorities.map(region),
    };
    let secret = city.terminals[0].secret_bytes();
    let credential = city.terminals[0].credential().expect("a terminal's key");
    let policy = policy(city);
    let operator = city.operator();
    let settings = c::Settings {
        size: size_of::<c::Settings>() as u32,
        patience_milliseconds: 1_000,
        authority_id: city.authority.id().as_bytes().as_ptr(),
        authority_key: null_mut(),
        authority: prepared.as_ptr(),
        authority_length: prepared.len(),
        key: c::Key { credential: credential.as_bytes().as_ptr(), secret: secret.as_ptr() },
        next_key: c::Key { credential: null_mut(), secret: null_mut() },
        replay: replay.as_mut_ptr().cast(),
        replay_slots: SLOTS,
        subjects: null_mut(),
        subject_slots: 0,
        layout,
        sectors: 7,
        kinds: 0x3e,
        accepts_without_bundle: 1,
        accepts_after_expiry: 0,
        most_without_bundle: 1_000,
        most_after_expiry: 0,
        after_expiry_seconds: policy.after_expiry_seconds,
        clock_jump_seconds: policy.clock_jump_seconds,
        clock_ahead_seconds: policy.clock_ahead_seconds,
        codes_pay: operator.as_ptr(),
    };
    let mut terminal = null_mut();
    // SAFETY: everything pointed at is as the fields say, and outlives the terminal where it has to.
    let status = unsafe {
        c::symbolon_terminal_open(memory.as_mut_ptr().cast(), size_of_val(memory), &settings, &platform, &mut terminal)
    };
    assert_eq!(status, c::SYMBOLON_STATUS_OK);
    terminal
}

fn tap(city: &City<P256>, in_c: *mut c::OpenTerminal, in_rust: &mut Rust<'_>, which: u8, program: Program<'_>) {
    let mut select = city.selects[0].as_bytes().to_vec();
    let mut challenge = city.challenges[0].as_bytes().to_vec();
    let mut presentation = city.answers[0].as_bytes().to_vec();
    if which & 1 != 0 {
        program.apply(&mut presentation, &[city.answers[1].as_bytes(), city.other_answers[0].as_bytes()]);
    }
    if which & 2 != 0 {
        program.apply(&mut challenge, &[city.challenges[1].as_bytes(), city.challenges[2].as_bytes()]);
    }
    if which & 4 != 0 {
        program.apply(&mut select, &[city.selects[1].as_bytes()]);
    }
    let asked = in_rust.resume(&select, &challenge);
    // SAFETY: the terminal is open; the bytes are slices'.
    let status = unsafe {
        c::symbolon_terminal_resume(in_c, select.as_ptr(), select.len(), challenge.as_ptr(), challenge.len())
    };
    assert_eq!(status, asked.as_ref().map_or_else(|reason| refused(*reason), |_| c::SYMBOLON_STATUS_OK));
    // Whether or not it was asked, the answer comes, and comes again.
    let mut asked = asked.ok();
    for _ in 0..2 {
        let mut verdict = empty();
        // SAFETY: the terminal is open; the bytes are a slice's.
        let status =
            unsafe { c::symbolon_terminal_decide(in_c, presentation.as_ptr(), presentation.len(), &mut verdict) };
        assert_eq!(status, c::SYMBOLON_STATUS_OK);
        let decided = match asked.take() {
            Some(asked) => in_rust.decide(asked, &presentation),
            None => in_rust.unasked(&presentation),
        };
        assert_same(&verdict, &decided);
        asked = decided.into_asked();
    }
    let mut receipt = [0; c::SYMBOLON_RECEIPT_SIZE];
    // SAFETY: the terminal is open; the bytes are a slice's, and there is room for a receipt.
    let status =
        unsafe { c::symbolon_terminal_again(in_c, presentation.as_ptr(), presentation.len(), receipt.as_mut_ptr()) };
    let again = in_rust.again(&presentation);
    assert_eq!(status, again.as_ref().map_or_else(|reason| refused(*reason), |_| c::SYMBOLON_STATUS_OK));
    if let Ok(signed) = again {
        // The signatures are of different randomness, and never compared.
        assert_eq!(receipt[..41], signed.to_bytes()[..41]);
    }
}

/// Commands to both ports: answers of one length, and of one status.
fn ports(in_c: *mut c::OpenTerminal, in_rust: &mut Rust<'_>, input: &[u8]) {
    let mut port = Port::new();
    for (_, command) in Messages(input).take(32) {
        let mut answer = [0; c::SYMBOLON_PORT_MOST];
        let mut length = 0;
        // SAFETY: the terminal is open; the bytes are a slice's, and there is room for the longest answer.
        let status = unsafe {
            c::symbolon_terminal_port(
                in_c,
                command.as_ptr(),
                command.len(),
                answer.as_mut_ptr(),
                answer.len(),
                &mut length,
            )
        };
        assert_eq!(status, c::SYMBOLON_STATUS_OK);
        let mut expected = [0; Port::MOST];
        let expected_length = port.handle(in_rust, command, &mut expected);
        assert_eq!(answer[..length], expected[..expected_length]);
        assert!(Word::from_bytes([answer[length - 2], answer[length - 1]]).is_some());
    }
}

fn refused(reason: Reason) -> c::Status {
    c::SYMBOLON_STATUS_REFUSED + u32::from(reason.number())
}

fn assert_same(in_c: &c::Verdict, in_rust: &Verdict) {
    let (verdict, reason) = match in_rust {
        Verdict::Accepted(_) => (c::SYMBOLON_VERDICT_ACCEPTED, 0),
        Verdict::Referred(refusal) => (c::SYMBOLON_VERDICT_REFERRED, refusal.reason().number()),
        Verdict::Declined(refusal) => (c::SYMBOLON_VERDICT_DECLINED, refusal.reason().number()),
    };
    assert_eq!((in_c.verdict, in_c.reason), (verdict, reason));
    let Some(accepted) = in_rust.accepted() else { return };
    let record = accepted.record();
    assert_eq!(in_c.counter, record.presentation().counter());
    assert_eq!(in_c.amount, record.terms().amount());
    assert_eq!(in_c.credential, *accepted.credential().as_bytes());
}

fn empty() -> c::Verdict {
    // SAFETY: plain numbers, all of which may be zero.
    let mut verdict = unsafe { std::mem::zeroed::<c::Verdict>() };
    verdict.size = size_of::<c::Verdict>() as u32;
    verdict
}
