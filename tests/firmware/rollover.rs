//! One authority follows another: an image that has a key under both takes the next one up, and lets the old one go.

use symbolon_ccks::{P256, prepare_parameters};
use symbolon_emulator::line::Line;
use symbolon_emulator::qemu::Emulator;
use symbolon_tap::apdu::PortCommand;
use xtask::firmware::rig::{LONGEST_SECONDS, Rig};
use xtask::firmware::service::Service;
use xtask::firmware::{Device, SuiteName, images};

/// From the old authority to both to the next alone, with a power cut after each.
fn follow(device: Device) {
    let (old, next) = (Rig::<P256>::new(device, 1), Rig::<P256>::of_successor(device, 1));
    let (mut old_card, mut next_card) = (old.card(0).unwrap(), next.card(0).unwrap());
    images::set_up().unwrap();
    let qemu = xtask::setup::qemu().unwrap();
    let image = images::build(device, SuiteName::P256).unwrap();
    let mut provisioning = old.provisioning().unwrap();
    provisioning.next_key = Some(next.next_key());
    let mut emulator = Emulator::start(&qemu, &image.path, &provisioning.encode(), LONGEST_SECONDS).unwrap();
    let mut reader = Line::new(emulator.card_line().unwrap());
    let mut service = Service::new(Line::new(emulator.service_line().unwrap()));

    service.bring_bundle(&old.bundle(1).unwrap()).unwrap();
    old_card.hold(&mut reader).unwrap();
    // Nobody has named the next one yet.
    assert!(service.bring_bundle(&next.bundle(1).unwrap()).is_err());

    let prepared = prepare_parameters(&next.city.parameters).unwrap();
    service.bring_successor(&old.names(&next).unwrap(), &prepared).unwrap();
    service.bring_bundle(&next.bundle(1).unwrap()).unwrap();
    next_card.hold(&mut reader).unwrap();

    emulator.cut_power().unwrap();
    next_card.hold(&mut reader).unwrap();
    old_card.hold(&mut reader).unwrap();
    service.settle().unwrap();
    assert_eq!(service.status().unwrap().records, 4, "{}", emulator.console());

    // The taps of either go to who is to settle them; then the old authority is dropped.
    for rig in [&old, &next] {
        let upload = service.fetch_upload(rig).unwrap().unwrap();
        service.acknowledge(rig, &upload).unwrap();
    }
    service.order(&PortCommand::DropAuthority).unwrap();
    next_card.hold(&mut reader).unwrap();

    emulator.cut_power().unwrap();
    next_card.hold(&mut reader).unwrap();
    service.settle().unwrap();
    assert_eq!(service.status().unwrap().records, 2);
    assert!(service.bring_bundle(&old.bundle(2).unwrap()).is_err());
    assert_eq!(emulator.console().matches("Ready.").count(), 3, "{}", emulator.console());
}

#[test]
fn a_terminal_goes_from_one_authority_to_the_next() {
    follow(Device::Gate);
}

#[test]
fn so_does_the_one_in_c() {
    follow(Device::GateC);
}
