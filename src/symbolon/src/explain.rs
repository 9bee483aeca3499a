//! Takes any byte string of the project apart and says in words what each byte means.
//!
//! A structure is recognised by its length and, where it has one, by its beginning. Its fields are walked one after
//! another even when one of them is wrong, so that the answer says where; whether the whole is well formed is decided by
//! the structure's own parser and nothing else. Being well formed proves nothing: no signature is verified here.

mod meaning;
mod structures;
mod walk;

use std::fmt;
use structures::{STRUCTURES, Structure};
use walk::Walk;

/// One field of a structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it begins, bytes from the start.
    pub offset: usize,
    /// How long it is, bytes.
    pub length: usize,
    /// Its path, such as `terms.amount`.
    pub name: String,
    /// The bytes that are there, in lower-case hex.
    pub hex: String,
    /// What they mean, or what is wrong with them.
    pub meaning: String,
    /// Whether the value is one that the field may have.
    pub legal: bool,
}

/// A structure that some bytes are, or nearly are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Its name.
    pub structure: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// Its fields in order.
    pub fields: Vec<Field>,
    /// Why the structure's own parser refuses the bytes, if it does.
    pub problem: Option<String>,
}

/// What some bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Well formed as each of these; several structures may share a length.
    Recognised(Vec<Explanation>),
    /// The length or beginning of these, but refused by their parsers.
    Refused(Vec<Explanation>),
    /// Like nothing the project knows.
    Unknown {
        /// How many bytes there are.
        length: usize,
    },
}

/// Takes bytes apart.
pub fn explain(bytes: &[u8]) -> Finding {
    let (fitting, refused): (Vec<_>, Vec<_>) = STRUCTURES
        .iter()
        .filter(|structure| (structure.claims)(bytes))
        .map(|structure| explain_as(structure, bytes))
        .partition(|explanation| explanation.problem.is_none());
    if !fitting.is_empty() {
        Finding::Recognised(fitting)
    } else if !refused.is_empty() {
        Finding::Refused(refused)
    } else {
        Finding::Unknown { length: bytes.len() }
    }
}

fn explain_as(structure: &Structure, bytes: &[u8]) -> Explanation {
    let mut walk = Walk::new(bytes);
    (structure.walk)(&mut walk);
    let fields = walk.into_fields();
    let problem = match structure.check {
        Some(check) => check(bytes).err(),
        None => fields.iter().find(|field| !field.legal).map(|field| format!("{}: {}", field.name, field.meaning)),
    };
    Explanation { structure: structure.name, about: structure.about, fields, problem }
}

/// What [`explain`] recognises: each structure's name, its length in words and what it is for.
pub fn known() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    STRUCTURES.iter().map(|structure| (structure.name, structure.length, structure.about))
}

/// The most bytes of a field that the text shows.
const SHOWN_BYTES: usize = 33;

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = match self.hex.get(..2 * SHOWN_BYTES) {
            Some(beginning) if self.hex.len() > 2 * SHOWN_BYTES => format!("{beginning}.."),
            _ => self.hex.clone(),
        };
        let mark = if self.legal { ' ' } else { '!' };
        writeln!(formatter, "{mark} {:>6} {:>6}  {:<36} {}", self.offset, self.length, self.name, self.meaning)?;
        if hex.is_empty() {
            return Ok(());
        }
        writeln!(formatter, "{:17}{hex}", "")
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => writeln!(formatter, "{}: {}", self.structure, self.about)?,
            Some(problem) => {
                writeln!(formatter, "As {}, not well formed. {problem}.", self.structure)?;
            }
        }
        writeln!(formatter, "  offset length  field and meaning")?;
        self.fields.iter().try_for_each(|field| field.fmt(formatter))?;
        match self.fields.iter().find(|field| !field.legal) {
            Some(field) => {
                writeln!(formatter, "It goes wrong at offset {}, in {} (marked !).", field.offset, field.name)
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = match self {
            Self::Recognised(list) => {
                if list.len() > 1 {
                    writeln!(
                        formatter,
                        "{} structures fit these bytes; nothing in them tells which was meant.\n",
                        list.len()
                    )?;
                }
                list
            }
            Self::Refused(list) => list,
            Self::Unknown { length } => return write_unknown(formatter, *length),
        };
        for (index, explanation) in list.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            explanation.fmt(formatter)?;
        }
        Ok(())
    }
}

fn write_unknown(formatter: &mut fmt::Formatter<'_>, length: usize) -> fmt::Result {
    writeln!(formatter, "Nothing known has {length} bytes and this beginning. Known are, in bytes:")?;
    known().try_for_each(|(name, length, _)| writeln!(formatter, "  {length:<28} {name}"))
}
