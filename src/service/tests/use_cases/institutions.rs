//! Never more than 63 institution keys.

use crate::city::{City, name};

#[tokio::test]
async fn the_sixty_fourth_key_is_refused_and_counting_survives() {
    let mut city = City::new();
    // Whoever asks first, the authority's own name is counted before it.
    let metro = city.roles().institutions.key(&name("metro")).await.unwrap();
    assert_eq!(metro.authority_id(), city.keys.id());
    for number in 2..=62 {
        city.roles().institutions.key(&name(&format!("operator-{number}"))).await.unwrap();
    }
    city.reopen();
    let refused = city.roles().institutions.key(&name("one-more")).await.unwrap_err();
    assert_eq!(refused.reason(), "institutions_exhausted");
    let again = city.roles().institutions.key(&name("metro")).await.unwrap();
    assert_eq!(*again.secret_bytes(), *metro.secret_bytes());
    assert_eq!(city.roles().institutions.count_own_name().await.unwrap(), 1);
    let names = city.roles().institutions.list().await.unwrap();
    assert_eq!(names.len(), 63);
    assert_eq!(names[0].name, name("city"));
}
