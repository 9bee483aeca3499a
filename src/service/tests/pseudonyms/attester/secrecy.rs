//! What the attester's database holds after everything has happened once: no pseudonym, no U, no P.

use symbolon_service::attester::{EXPORT_METHOD, PRIVACY_METHOD};

use super::{
    line::Lost,
    town::{Town, at_once, holds, name},
};

#[tokio::test]
async fn the_attesters_database_holds_no_pseudonym_nor_anything_that_names_one() {
    let mut town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let (asking, request) = town.ask(&wallet, 5).await;
    town.line.cut(3, Lost::Answer);
    town.attester().request(request.clone()).await.unwrap();
    let keys = town.open(&asking, &town.attester().request(request).await.unwrap());
    let subject = keys[0].credential().unwrap().identity().subject();
    town.attester().approve("case", subject, &name("anna")).await.unwrap();
    town.roles().clearing.approve("case", subject, &name("bert")).await.unwrap();
    town.attester().open("case", subject, &name("anna")).await.unwrap();
    town.attester().privacy(town.signed(&wallet, PRIVACY_METHOD, Vec::new())).await.unwrap();
    town.attester().export(town.signed(&wallet, EXPORT_METHOD, vec![9; 32])).await.unwrap();
    town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    town.attester().tend().await.unwrap();
    town.roles().bundles.newest().await.unwrap();
    town.reopen();

    let folder = town.folder.path();
    let in_attester = |wanted: &[u8]| holds(folder, "attester.db", wanted);
    assert!(in_attester(wallet.card.number.as_bytes()), "what is searched for would be found");
    assert!(in_attester(asking[0].commitment().as_bytes()));
    for (asking, key) in asking.iter().zip(&keys) {
        let credential = key.credential().unwrap();
        let subject = credential.identity().subject();
        assert!(holds(folder, "issuer.db", subject.as_bytes()), "the issuer has it");
        assert!(!in_attester(subject.as_bytes()));
        assert!(!in_attester(asking.point().as_bytes()), "U");
        assert!(!in_attester(&asking.point().as_bytes()[1..]), "the abscissa of U");
        let point = &credential.as_bytes()[56..];
        assert!(!in_attester(point), "P");
        assert!(!in_attester(&point[1..]), "the abscissa of P");
        assert!(!in_attester(credential.digest().as_bytes()));
    }
    for (file, wanted) in [
        ("issuer.db", wallet.card.number.as_bytes().as_slice()),
        ("linkage-a.db", wallet.card.number.as_bytes()),
        ("linkage-b.db", wallet.card.number.as_bytes()),
        ("clearing.db", wallet.card.number.as_bytes()),
        ("linkage-a.db", &wallet.card.account.handle().unwrap()),
        ("issuer.db", &wallet.card.account.handle().unwrap()),
    ] {
        assert!(!holds(folder, file, wanted), "{file}");
    }
}
