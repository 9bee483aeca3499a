//! The seeds of a linkage authority.

use symbolon_ccks::{LinkageSeed, Period};
use symbolon_pseudonym::LinkageHandle;

use super::{conflicts, read, samples::time, write};
use crate::{Store, records::LinkageSeedRecord};

fn period(number: u32) -> Period {
    Period::new(number).expect("samples have small periods")
}

fn seed(handle: u8, number: u32) -> LinkageSeedRecord {
    LinkageSeedRecord {
        handle: LinkageHandle::from_bytes([handle; 16]),
        period: period(number),
        seed: LinkageSeed::from_bytes([number as u8; 32]),
        since: time(5),
        published: false,
    }
}

pub(super) async fn a_seed_only_moves_on<D: Store>(store: D) {
    write(&store, |unit| unit.add_linkage_seed(&seed(1, 10))).await;
    conflicts(&store, |unit| unit.add_linkage_seed(&seed(1, 11))).await;
    conflicts(&store, |unit| unit.replace_linkage_seed(&seed(1, 9))).await;
    conflicts(&store, |unit| unit.replace_linkage_seed(&seed(2, 11))).await;
    write(&store, |unit| unit.replace_linkage_seed(&seed(1, 12))).await;
    assert_eq!(read(&store, |unit| unit.linkage_seed(&seed(1, 0).handle)).await, Some(seed(1, 12)));
    assert_eq!(read(&store, |unit| unit.linkage_seed(&seed(2, 0).handle)).await, None);
    let published = LinkageSeedRecord { published: true, ..seed(1, 12) };
    let expected = published.clone();
    write(&store, move |unit| unit.replace_linkage_seed(&published)).await;
    conflicts(&store, |unit| unit.replace_linkage_seed(&seed(1, 13))).await;
    assert_eq!(read(&store, |unit| unit.linkage_seed(&seed(1, 0).handle)).await, Some(expected));
}

pub(super) async fn seeds_that_are_behind_are_listed<D: Store>(store: D) {
    write(&store, |unit| {
        [seed(1, 12), seed(2, 10), seed(3, 11)].iter().try_for_each(|seed| unit.add_linkage_seed(seed))?;
        unit.add_linkage_seed(&LinkageSeedRecord { published: true, ..seed(4, 10) })
    })
    .await;
    let behind = read(&store, |unit| unit.linkage_seeds_before(period(12), 100)).await;
    assert_eq!(behind, [seed(2, 10), seed(3, 11)]);
    assert_eq!(read(&store, |unit| unit.linkage_seeds_before(period(12), 1)).await, [seed(2, 10)]);
    assert_eq!(read(&store, |unit| unit.linkage_seeds_before(period(10), 100)).await, []);
}
