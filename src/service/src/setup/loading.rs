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
}

/// Loads the copies in a folder, as [`back_up`](super::back_up) made them, into the PostgreSQL databases of their roles: all of
/// them or, when one cannot be, none.
///
/// # Errors
/// [`SetupError::Config`]; [`SetupError::Store`] for a copy that does not hold together or a schema that is not empty.
pub fn load(config: &Config, folder: &Path) -> Result<Loaded, SetupError> {
    let (mut roles, mut loads, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for role in ServiceRole::ALL {
        let from = folder.join(database(config, role).file_name().unwrap_or_default());
        if !from.is_file() {
            continue;
        }
        match config.database.of(role)? {
            Some(to) => {
                roles.push(role);
                loads.push(Load { from, to });
            }
            None => left.push(role),
        }
    }
    let rows = roles.into_iter().zip(postgres::load(&loads)?).collect();
    Ok(Loaded { rows, left })
}
