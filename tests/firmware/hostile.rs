//! Whatever comes over its lines, a terminal stays up.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use symbolon_ccks::P256;
use symbolon_emulator::line::Line;
use symbolon_emulator::qemu::Emulator;
use symbolon_tap::apdu::{MAX_FRAME, PortCommand, Status};
use symbolon_wallet::Event;
use xtask::firmware::rig::{Card, LONGEST_SECONDS, PATIENCE, Rig};
use xtask::firmware::service::Service;
use xtask::firmware::{Device, SuiteName, images};

/// A gate that has its bundle, its lines, and chance.
struct Street {
    emulator: Emulator,
    reader: Line,
    service: Service,
    random: ChaCha20Rng,
}

impl Street {
    fn new(rig: &Rig<P256>) -> Self {
        images::set_up().unwrap();
        let qemu = xtask::setup::qemu().unwrap();
        let image = images::build(Device::Gate, SuiteName::P256).unwrap();
        let mut provisioning = rig.provisioning().unwrap();
        // A card that says nothing is soon given up; deciding takes most of a second of the emulated clock.
        provisioning.patience_milliseconds = 1_500;
        let mut emulator = Emulator::start(&qemu, &image.path, &provisioning.encode(), LONGEST_SECONDS).unwrap();
        let mut service = Service::new(Line::new(emulator.service_line().unwrap()));
        service.bring_bundle(&rig.bundle(1).unwrap()).unwrap();
        let reader = Line::new(emulator.card_line().unwrap());
        Self { emulator, reader, service, random: ChaCha20Rng::seed_from_u64(29) }
    }

    fn below(&mut self, most: usize) -> usize {
        self.random.next_u32() as usize % most
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// The terminal has started once, answers its port, and takes an honest tap.
    fn is_up(&mut self, card: &mut Card<'_, P256>) {
        let before = self.service.status().unwrap().records;
        card.hold(&mut self.reader).unwrap();
        assert_eq!(self.service.status().unwrap().records, before + 1);
        let console = self.emulator.console();
        assert_eq!(console.matches("Ready.").count(), 1, "{console}");
        assert!(!self.emulator.has_ended(), "{console}");
    }
}

#[test]
fn no_frame_and_no_command_at_the_port_stops_a_terminal() {
    let rig = Rig::<P256>::new(Device::Gate, 1);
    let mut card = rig.card(0).unwrap();
    let mut street = Street::new(&rig);
    // Noise, with which frames of any length may begin.
    for _ in 0..40 {
        let length = street.below(600);
        let noise = street.bytes(length);
        street.service.line().send_raw(&noise).unwrap();
    }
    street.service.settle().unwrap();
    street.is_up(&mut card);
    // Every instruction and many lengths: a status word for each, and what it carries is not acted upon.
    for instruction in 0..=u8::MAX {
        let length = street.below(MAX_FRAME - 4);
        let mut command = vec![if instruction & 1 == 0 { 0x90 } else { 0x80 }, instruction, 0, 0];
        command.extend(street.bytes(length));
        let answer = street.service.line().ask(&command, PATIENCE).unwrap();
        assert!(answer.len() >= 2, "{instruction:02x}: {answer:02x?}");
        let answer = street.service.line().ask(&command[..4], PATIENCE).unwrap();
        assert!(answer.len() >= 2, "{instruction:02x}: {answer:02x?}");
    }
    for length in 1..=4 {
        let bytes = street.bytes(length);
        assert!(street.service.line().ask(&bytes, PATIENCE).unwrap().len() >= 2);
    }
    // A bundle with one bit flipped leaves the one in use.
    let mut bundle = rig.bundle(2).unwrap();
    let place = street.below(bundle.len());
    bundle[place] ^= 1;
    assert!(street.service.bring_bundle(&bundle).is_err());
    assert_eq!(street.service.status().unwrap().bundle_sequence, 1);
    assert_eq!(street.service.ask(&PortCommand::FinishBundle, PATIENCE).unwrap().unwrap().0, Status::NotNow);
    street.is_up(&mut card);
}

#[test]
fn no_card_stops_a_terminal() {
    let rig = Rig::<P256>::new(Device::Gate, 1);
    let mut card = rig.card(0).unwrap();
    let mut street = Street::new(&rig);
    for round in 0..60 {
        // Up to somewhere in a tap the card behaves.
        let honest = street.below(3);
        for _ in 0..honest {
            let command = street.reader.receive(PATIENCE).unwrap().unwrap();
            let answer = card.answer(&command);
            street.reader.send(&answer.response).unwrap();
            if let Event::ReceiptKept(_) = answer.event {
                break;
            }
        }
        let command = street.reader.receive(PATIENCE).unwrap().unwrap();
        let mut response = card.answer(&command).response;
        match round % 5 {
            // One bit flipped, anywhere.
            0 => {
                let place = street.below(response.len());
                response[place] ^= 1 << street.below(8);
            }
            // Cut short, or longer than it may be.
            1 => response.truncate(street.below(response.len())),
            2 => {
                let length = 1 + street.below(80);
                response.extend(street.bytes(length));
                response.truncate(MAX_FRAME);
            }
            // Another status word.
            3 => response = street.bytes(2),
            // Nothing at all but noise.
            _ => {
                let length = 1 + street.below(300);
                let noise = street.bytes(length);
                street.reader.send_raw(&noise).unwrap();
                continue;
            }
        }
        if !response.is_empty() {
            street.reader.send(&response).unwrap();
        }
    }
    street.is_up(&mut card);
}
