//! Leases.

use symbolon_ccks::Time;

use super::{
    Unit,
    rows::{Result, seconds as since_1970},
};
use crate::{records::LeaseHolder, verbs::Leases};

impl Leases for Unit<'_> {
    fn shared_time(&self) -> Result<Option<Time>> {
        self.database_time()
    }

    fn take_lease(&mut self, name: &str, holder: &LeaseHolder, now: Time, seconds: u64) -> Result<bool> {
        let now = since_1970(now);
        let until = now.saturating_add_unsigned(seconds);
        let taken = self.execute(
            "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leases.holder = excluded.holder OR leases.until <= ?4 OR leases.until > ?5",
            (name, holder, until, now, until.saturating_add_unsigned(seconds)),
        )?;
        Ok(taken == 1)
    }

    fn give_lease_back(&mut self, name: &str, holder: &LeaseHolder) -> Result<()> {
        self.execute("DELETE FROM leases WHERE name = ?1 AND holder = ?2", (name, holder))?;
        Ok(())
    }
}
