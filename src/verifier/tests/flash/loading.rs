//! Bundles and authorities, loaded in pieces: verified whole, switched to in one stroke, never back.

use symbolon_ccks::{AuthorityId, P256, Suite};
use symbolon_verifier::Storage;
use symbolon_verifier::flash::{FlashError, FlashStore};

use crate::city::*;

/// Whether it is refused as it should be.
type Expected = fn(FlashError) -> bool;

fn load(store: &mut FlashStore<'_, Flash>, town: &Town, parts: &[Vec<u8>]) -> Result<(), FlashError> {
    store.begin_bundle(parts.len() as u8)?;
    for (piece, offset) in parts.concat().chunks(240).zip((0..).step_by(240)) {
        store.write_bundle(offset, piece)?;
    }
    store.finish_bundle(&town.authority)?;
    let (id, mark) = store.staged_bundle().unwrap();
    store.keep_bundle_mark(&id, mark).map_err(|_| FlashError::Device)
}

fn active(store: &FlashStore<'_, Flash>, town: &Town) -> Vec<Vec<u8>> {
    let parts = store.active_bundle(town.id()).unwrap().unwrap();
    let read = |source: &symbolon_ccks::Source<'_>| {
        let mut bytes = vec![0; source.length()];
        source.read(0, &mut bytes).unwrap();
        bytes
    };
    parts.as_slice().iter().map(read).collect()
}

#[test]
fn whatever_is_wrong_with_an_update_the_old_bundle_works() {
    let ([town, other, _], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let held = vec![town.bundle(5, 0, 3), town.bundle(5, 2, 3)];
    load(&mut store, town, &held).unwrap();
    let next = town.bundle(6, 0, 1);
    let (mut body, mut signature) = (next.clone(), next.clone());
    *body.last_mut().unwrap() ^= 1;
    signature[150] ^= 1;
    let cut_off = next[..next.len() - 1].to_vec();
    let refused: [(Vec<Vec<u8>>, Expected); 9] = [
        (vec![body], |error| matches!(error, FlashError::Malformed(_))),
        (vec![signature], |error| error == FlashError::BadSignature),
        (vec![cut_off], |error| error == FlashError::Parts),
        (vec![other.bundle(6, 0, 1)], |error| error == FlashError::BadSignature),
        (vec![town.bundle(5, 0, 1)], |error| error == FlashError::NotNewer),
        (vec![town.bundle(4, 0, 1)], |error| error == FlashError::NotNewer),
        (vec![town.bundle(5 + 65_537, 0, 1)], |error| error == FlashError::SequenceJump),
        (vec![town.bundle(6, 1, 2), town.bundle(6, 0, 2)], |error| error == FlashError::Parts),
        (vec![town.bundle(6, 0, 2), town.bundle(7, 1, 2)], |error| error == FlashError::Parts),
    ];
    for (index, (parts, expected)) in refused.into_iter().enumerate() {
        let error = load(&mut store, town, &parts).unwrap_err();
        assert!(expected(error), "{index}: {error:?}");
        assert_eq!(active(&store, town), held);
        assert_eq!(store.staged_bundle(), None);
    }
    assert_eq!(load(&mut store, town, &vec![vec![0; 3]; 17]), Err(FlashError::Parts));
    // Verified and not switched to is not in use, and is gone with a restart.
    store.begin_bundle(1).unwrap();
    store.write_bundle(0, &next).unwrap();
    store.finish_bundle(&town.authority).unwrap();
    assert_eq!(active(&store, town), held);
    let mut store = crate::city::store(&flash);
    assert_eq!(active(&store, town), held);
    load(&mut store, town, std::slice::from_ref(&next)).unwrap();
    assert_eq!(active(&crate::city::store(&flash), town), [next]);
    assert_unmisused(&flash);
}

#[test]
fn pieces_come_in_order_and_may_come_again() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    assert_eq!(store.write_bundle(0, &[0]), Err(FlashError::NotBegun));
    assert!(matches!(store.finish_bundle(&town.authority), Err(FlashError::NotBegun)));
    let bytes = town.bundle(1, 0, 1);
    store.begin_bundle(1).unwrap();
    assert_eq!(store.write_authority(0, &[0]), Err(FlashError::NotBegun));
    assert_eq!(store.write_bundle(1, &bytes[1..]), Err(FlashError::OutOfOrder));
    for (piece, offset) in bytes.chunks(50).zip((0_u32..).step_by(50)) {
        store.write_bundle(offset, piece).unwrap();
        store.write_bundle(offset, piece).unwrap();
        let mut other = piece.to_vec();
        other[0] ^= 1;
        assert_eq!(store.write_bundle(offset, &other), Err(FlashError::OutOfOrder));
        assert_eq!(store.write_bundle(0, &bytes[..30]), Ok(()));
        assert_eq!(store.write_bundle(offset + 60, piece), Err(FlashError::OutOfOrder));
    }
    assert_eq!(store.write_bundle(bytes.len() as u32, &[0; 8192]), Err(FlashError::TooLarge));
    store.finish_bundle(&town.authority).unwrap();
    assert_unmisused(&flash);
}

fn give_parameters(store: &mut FlashStore<'_, Flash>, town: &Town) -> Result<AuthorityId, FlashError> {
    for (piece, offset) in town.prepared.chunks(240).zip((0..).step_by(240)) {
        store.write_authority(offset, piece)?;
    }
    store.finish_authority::<P256>()
}

#[test]
fn a_successor_is_held_then_used_and_then_the_old_is_dropped() {
    let ([one, two, three], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let in_use = |store: &FlashStore<'_, Flash>| {
        store.authorities().map(|stored| stored.map(|stored| (*stored.id(), stored.is_in_use())))
    };
    store.begin_first_authority(one.id(), P256::ID).unwrap();
    give_parameters(&mut store, one).unwrap();
    assert_eq!(store.begin_first_authority(two.id(), P256::ID), Err(FlashError::AlreadyThere));
    load(&mut store, one, &[one.bundle(1, 0, 1)]).unwrap();
    let named = one.names(two, NOON);
    assert_eq!(store.begin_authority(&two.authority, &named), Err(FlashError::BadSignature));
    store.begin_authority(&one.authority, &named).unwrap();
    // Another's parameters under that name.
    assert_eq!(give_parameters(&mut store, three), Err(FlashError::Parameters));
    // Two others: another time, another authority.
    for other in [one.names(two, NOON + 1), one.names(three, NOON)] {
        assert!(!store.has_second_successor() || other != named);
        assert_eq!(store.begin_authority(&one.authority, &other), Err(FlashError::OtherSuccessor));
    }
    let mut store = crate::city::store(&flash);
    assert!(store.has_second_successor(), "it is reported after a restart, too");
    assert_eq!(store.drop_authority(one.id()), Err(FlashError::NotInUse));
    store.begin_authority(&one.authority, &named).unwrap();
    assert_eq!(store.finish_authority::<symbolon_ccks::Secp256k1>(), Err(FlashError::WrongSuite));
    give_parameters(&mut store, two).unwrap();
    assert_eq!(in_use(&store), [Some((*one.id(), true)), Some((*two.id(), false))]);
    assert_eq!(store.begin_authority(&one.authority, &named), Err(FlashError::AlreadyThere));
    assert_eq!(store.begin_authority(&two.authority, &two.names(three, NOON)), Err(FlashError::OtherAuthority));
    load(&mut store, two, &[two.bundle(1, 0, 1)]).unwrap();
    assert_eq!(in_use(&store), [Some((*one.id(), true)), Some((*two.id(), true))]);
    assert_eq!(store.begin_authority(&two.authority, &two.names(three, NOON)), Err(FlashError::TwoLive));
    // Each goes on with bundles of its own.
    load(&mut store, one, &[one.bundle(2, 0, 1)]).unwrap();
    load(&mut store, two, &[two.bundle(2, 0, 1)]).unwrap();
    assert_eq!(active(&store, one), [one.bundle(2, 0, 1)]);
    store.append(&one.tap(1)).unwrap();
    assert_eq!(store.drop_authority(one.id()), Err(FlashError::Unacknowledged));
    assert_eq!(store.drop_authority(two.id()), Err(FlashError::OtherAuthority));
    let pending = store.cut_upload(&one.gate, &[1; 32], 9).unwrap().unwrap();
    store.acknowledge(&one.authority, &one.acknowledgement(*pending.digest(), &one.own_key()).unwrap()).unwrap();
    store.drop_authority(one.id()).unwrap();
    let mut store = crate::city::store(&flash);
    assert_eq!(in_use(&store), [None, Some((*two.id(), true))]);
    assert!(store.is_dropped(one.id()) && store.active_bundle(one.id()).unwrap().is_none());
    assert_eq!(store.begin_authority(&one.authority, &named), Err(FlashError::OtherAuthority));
    assert_eq!(load(&mut store, one, &[one.bundle(3, 0, 1)]), Err(FlashError::OtherAuthority));
    // And so on, in the slot that is free.
    store.begin_authority(&two.authority, &two.names(three, NOON)).unwrap();
    give_parameters(&mut store, three).unwrap();
    assert_eq!(in_use(&store), [Some((*three.id(), false)), Some((*two.id(), true))]);
    let stored = store.authorities()[0].unwrap();
    symbolon_ccks::Authority::<P256>::open(stored.parameters(), three.id()).unwrap();
    assert_unmisused(&flash);
}
