//! Page sizes and page tokens.
//!
//! A token is a position and a MAC over it, the method and the caller: what was given for one list or one caller says
//! nothing in another. The key follows from a secret of the role, so that a token is good at every process of it.

use super::status;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt::Write as _;
use subtle::ConstantTimeEq as _;
use symbolon_store::Page;
use tonic::Status;

const DEFAULT_SIZE: u16 = 50;
const MAXIMUM_SIZE: u16 = 1_000;
const POSITION_DIGITS: usize = 16;
const MAC_BYTES: usize = 16;

/// Makes and checks page tokens.
#[derive(Clone)]
pub(super) struct PageTokens([u8; 32]);

impl PageTokens {
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// What part of a list is asked for. `list` names the list with everything it depends on, the caller included.
    pub(super) fn page(&self, list: &str, size: i32, token: &str) -> Result<Page, Status> {
        let limit = match u16::try_from(size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAXIMUM_SIZE),
            Err(_) if size > 0 => MAXIMUM_SIZE,
            Err(_) => return Err(status::negative_page_size()),
        };
        let after =
            if token.is_empty() { 0 } else { self.position(list, token).ok_or_else(status::invalid_page_token)? };
        Ok(Page { after, limit })
    }

    /// The token of the next page, from the positions in this one; a page that is not full is the last.
    pub(super) fn next(&self, list: &str, page: Page, positions: impl ExactSizeIterator<Item = u64>) -> String {
        let is_full = positions.len() >= usize::from(page.limit);
        positions.last().filter(|_| is_full).map(|position| self.token(list, position)).unwrap_or_default()
    }

    fn token(&self, list: &str, position: u64) -> String {
        let mut token = format!("{position:016x}");
        for byte in &self.mac(list, &token)[..MAC_BYTES] {
            write!(token, "{byte:02x}").expect("writing to a String cannot fail");
        }
        token
    }

    fn position(&self, list: &str, token: &str) -> Option<u64> {
        let position = u64::from_str_radix(token.get(..POSITION_DIGITS)?, 16).ok()?;
        let given: bool = self.token(list, position).as_bytes().ct_eq(token.as_bytes()).into();
        given.then_some(position)
    }

    fn mac(&self, list: &str, position: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(position.as_bytes());
        mac.update(list.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::StatusExt;

    fn tokens() -> PageTokens {
        PageTokens::new([7; 32])
    }

    #[test]
    fn the_size_is_capped() {
        let size = |size| tokens().page("cards", size, "").map(|page| page.limit);
        assert_eq!(size(0).unwrap(), 50);
        assert_eq!(size(7).unwrap(), 7);
        assert_eq!(size(1_001).unwrap(), 1_000);
        assert_eq!(size(i32::MAX).unwrap(), 1_000);
        assert!(size(-1).is_err());
    }

    #[test]
    fn a_token_goes_on_where_its_page_ended() {
        let page = tokens().page("cards", 2, "").unwrap();
        let token = tokens().next("cards", page, [1, 2].into_iter());
        assert_eq!(tokens().page("cards", 2, &token).unwrap().after, 2);
        assert_eq!(tokens().next("cards", page, [1].into_iter()), "", "a page that is not full is the last");
    }

    #[test]
    fn any_other_token_is_refused() {
        let page = Page { after: 0, limit: 1 };
        let token = tokens().next("cards issuer a", page, [1].into_iter());
        let forged = token.replacen("01", "02", 1);
        let upper = token.to_ascii_uppercase();
        let other_key = PageTokens::new([8; 32]).next("cards issuer a", page, [1].into_iter());
        for wrong in
            ["x", "\u{e9}\u{e9}", &token[1..], &format!("{token}0"), &forged, &other_key, &format!("+{}", &token[1..])]
        {
            let refused = tokens().page("cards issuer a", 1, wrong).unwrap_err();
            assert_eq!(refused.get_details_error_info().unwrap().reason, "INVALID_PAGE_TOKEN", "{wrong}");
        }
        assert!(upper == token || tokens().page("cards issuer a", 1, &upper).is_err());
        assert!(tokens().page("cards issuer b", 1, &token).is_err(), "another caller's");
    }
}
