//! Copies of the databases into PostgreSQL.

use std::path::Path;

use symbolon_store::postgres::{self, Load};

use super::{SetupError, database};
use crate::{config::Config, links::ServiceRole};

/// What became of the copies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The roles whose copies were loaded, and how many rows each has.
    pub rows: Vec<(ServiceRole, u64)>,
    /// The roles whose copies were not, because the configuration keeps their databases in files.
    pub left: Vec<ServiceRole>,
    /// The roles of which there was no copy, though they keep their databases in PostgreSQL.
    pub missing: Vec<ServiceRole>,
}

/// Loads the copies in a folder, as [`back_up`](super::back_up) made them, into the PostgreSQL databases of their roles: all of
/// them or, when one cannot be, none. A role without a copy is left out, unless it is one of those `needed`.
///
/// # Errors
/// [`SetupError::Config`]; [`SetupError::CopyMissing`], and nothing is loaded then; [`SetupError::Store`] for a copy that does not hold together or a schema that is not empty.
pub fn load(config: &Config, folder: &Path, needed: &[ServiceRole]) -> Result<Loaded, SetupError> {
    let (mut roles, mut loads) = (Vec::new(), Vec::new());
    let (mut left, mut missing) = (Vec::new(), Vec::new());
    for role in ServiceRole::ALL {
        let from = folder.join(database(config, role).file_name().unwrap_or_default());
        match (config.database.of(role)?, from.is_file()) {
            (Some(to), true) => {
                roles.push(role);
                loads.push(Load { from, to });
            }
            (Some(_), false) => missing.push(role),
            (None, true) => left.push(role),
            (None, false) => {}
        }
    }
    let lacking = missing.iter().filter(|role| needed.contains(role)).copied().collect::<Vec<_>>();
    if !roles.is_empty() && !lacking.is_empty() {
        return Err(SetupError::CopyMissing(lacking));
    }
    let rows = roles.into_iter().zip(postgres::load(&loads)?).collect();
    Ok(Loaded { rows, left, missing })
}
