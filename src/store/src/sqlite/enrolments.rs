//! Activation codes, offers, and the archive of what was issued.

use symbolon_ccks::{Class, CompressedPoint, CredentialDigest, Identity, Subject, Time};

use super::{
    Unit,
    rows::{
        Columns as _, Result, Row, credential, digest, identity, named_params, numbered, seconds, signature, subject,
        time,
    },
};
use crate::{
    records::{ActivationCodeRecord, CodeLocator, HolderRequest, HolderRequestKind, IssuedRecord, OfferRecord},
    verbs::Enrolments,
};

fn activation_code(row: &Row<'_>) -> Result<ActivationCodeRecord> {
    Ok(ActivationCodeRecord {
        locator: row.column("locator")?,
        subject: row.parsed("subject", subject)?,
        class: row.parsed("class", |class| numbered([Class::Card, Class::Terminal], |class| class as u8, class))?,
        hash: row.column("hash")?,
        expires: row.parsed("expires", time)?,
        failed_attempts: row.column("failed_attempts")?,
        used: row.parsed_option("used", time)?,
    })
}

fn offer(row: &Row<'_>) -> Result<OfferRecord> {
    Ok(OfferRecord {
        nonce: row.column("nonce")?,
        identity: row.parsed("identity", identity::<56>)?,
        former: row.parsed_option("former", digest)?,
        expires: row.parsed("expires", time)?,
        used: row.parsed_option("used", time)?,
    })
}

fn issued(row: &Row<'_>) -> Result<IssuedRecord> {
    Ok(IssuedRecord {
        credential: row.parsed("credential", credential::<89>)?,
        enrolment_point: row
            .parsed("enrolment_point", |bytes: Vec<u8>| CompressedPoint::parse(&bytes).ok().copied())?,
        contribution: row.column("contribution")?,
        offer_nonce: row.column("offer_nonce")?,
        possession: row.parsed("possession", signature::<65>)?,
        request: HolderRequest {
            kind: row.parsed("request_kind", |kind| numbered(HolderRequestKind::ALL, |kind| kind as u8, kind))?,
            signed: row.column("request_signed")?,
            signature: row.column("request_signature")?,
            key: row.column("request_key")?,
        },
        issued: row.parsed("issued", time)?,
    })
}

impl Enrolments for Unit<'_> {
    fn activation_code(&self, locator: &CodeLocator) -> Result<Option<ActivationCodeRecord>> {
        self.one("SELECT * FROM activation_codes WHERE locator = ?1", [locator], activation_code)
    }

    fn activation_code_of(&self, subject: &Subject) -> Result<Option<ActivationCodeRecord>> {
        self.one("SELECT * FROM activation_codes WHERE subject = ?1", [subject.as_bytes()], activation_code)
    }

    fn add_activation_code(&mut self, code: &ActivationCodeRecord) -> Result<()> {
        self.execute(
            "INSERT INTO activation_codes (locator, subject, class, hash, expires, failed_attempts, used)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                code.locator,
                code.subject.as_bytes(),
                code.class as u8,
                code.hash,
                seconds(code.expires),
                code.failed_attempts,
                code.used.map(seconds),
            ),
        )?;
        Ok(())
    }

    fn count_failed_attempt(&mut self, locator: &CodeLocator) -> Result<()> {
        self.execute(
            "UPDATE activation_codes SET failed_attempts = failed_attempts + 1 WHERE locator = ?1",
            [locator],
        )?;
        Ok(())
    }

    fn use_activation_code(&mut self, subject: &Subject, now: Time) -> Result<bool> {
        let changed = self.execute(
            "UPDATE activation_codes SET used = ?2 WHERE subject = ?1 AND used IS NULL",
            (subject.as_bytes(), seconds(now)),
        )?;
        Ok(changed == 1)
    }

    fn offer(&self, nonce: &[u8; 32]) -> Result<Option<OfferRecord>> {
        self.one("SELECT * FROM offers WHERE nonce = ?1", [nonce], offer)
    }

    fn standing_offer(&self, subject: &Subject, now: Time) -> Result<Option<OfferRecord>> {
        self.one(
            "SELECT * FROM offers WHERE subject = ?1 AND used IS NULL AND expires > ?2 ORDER BY expires DESC, nonce DESC LIMIT 1",
            (subject.as_bytes(), seconds(now)),
            offer,
        )
    }

    fn last_unused_offer(&self, subject: &Subject) -> Result<Option<OfferRecord>> {
        self.one(
            "SELECT * FROM offers WHERE subject = ?1 AND used IS NULL ORDER BY expires DESC, nonce DESC LIMIT 1",
            [subject.as_bytes()],
            offer,
        )
    }

    fn offers_to(&self, subject: &Subject) -> Result<Vec<OfferRecord>> {
        self.all("SELECT * FROM offers WHERE subject = ?1 ORDER BY expires, nonce", [subject.as_bytes()], offer)
    }

    fn add_offer(&mut self, offer: &OfferRecord) -> Result<()> {
        self.execute(
            "INSERT INTO offers (nonce, identity, subject, former, expires, used) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                offer.nonce,
                offer.identity.as_bytes(),
                offer.identity.subject().as_bytes(),
                offer.former.as_ref().map(CredentialDigest::as_bytes),
                seconds(offer.expires),
                offer.used.map(seconds),
            ),
        )?;
        Ok(())
    }

    fn use_offer(&mut self, nonce: &[u8; 32], now: Time) -> Result<bool> {
        let changed =
            self.execute("UPDATE offers SET used = ?2 WHERE nonce = ?1 AND used IS NULL", (nonce, seconds(now)))?;
        Ok(changed == 1)
    }

    fn issued_for(&self, identity: &Identity) -> Result<Option<IssuedRecord>> {
        self.one("SELECT * FROM issued WHERE identity = ?1", [identity.as_bytes()], issued)
    }

    fn issued(&self, digest: &CredentialDigest) -> Result<Option<IssuedRecord>> {
        self.one("SELECT * FROM issued WHERE digest = ?1", [digest.as_bytes()], issued)
    }

    fn issued_to(&self, subject: &Subject) -> Result<Vec<IssuedRecord>> {
        self.all(
            "SELECT * FROM issued WHERE subject = ?1 ORDER BY not_before, not_after, digest",
            [subject.as_bytes()],
            issued,
        )
    }

    fn add_issued(&mut self, issued: &IssuedRecord) -> Result<()> {
        let identity = issued.credential.identity();
        self.execute(
            "INSERT INTO issued (digest, identity, subject, not_before, not_after, credential, enrolment_point,
                 contribution, offer_nonce, possession, request_kind, request_signed, request_signature, request_key,
                 issued)
             VALUES (:digest, :identity, :subject, :not_before, :not_after, :credential, :enrolment_point,
                 :contribution, :offer_nonce, :possession, :request_kind, :request_signed, :request_signature,
                 :request_key, :issued)",
            named_params! {
                ":digest": issued.credential.digest().as_bytes(),
                ":identity": identity.as_bytes(),
                ":subject": identity.subject().as_bytes(),
                ":not_before": seconds(identity.not_before()),
                ":not_after": seconds(identity.not_after()),
                ":credential": issued.credential.as_bytes(),
                ":enrolment_point": issued.enrolment_point.as_bytes(),
                ":contribution": issued.contribution,
                ":offer_nonce": issued.offer_nonce,
                ":possession": issued.possession.as_bytes(),
                ":request_kind": issued.request.kind as u8,
                ":request_signed": issued.request.signed,
                ":request_signature": issued.request.signature,
                ":request_key": issued.request.key,
                ":issued": seconds(issued.issued),
            },
        )?;
        Ok(())
    }
}
