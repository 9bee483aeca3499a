//! Walking over the fields of a structure.

use super::Field;

/// What a field's bytes mean; an error says why the field may not have them.
pub(super) type Meaning = Result<String, String>;

/// A walk over bytes, a field at a time. Bytes that are missing make a field that says so, and end the walk.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// The path of the structure that is being walked, with a dot at its end unless empty.
    path: String,
    fields: Vec<Field>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, path: String::new(), fields: Vec::new() }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest().len()
    }

    /// Bytes that lie ahead, without going there; `None` when they are missing.
    pub(super) fn peek(&self, ahead: usize, length: usize) -> Option<&'a [u8]> {
        self.rest().get(ahead..)?.get(..length)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// The next field. Gives its bytes, fewer when they run out.
    pub(super) fn field(&mut self, name: &str, length: usize, meaning: impl FnOnce(&[u8]) -> Meaning) -> &'a [u8] {
        let rest = self.rest();
        if rest.is_empty() && length > 0 && self.is_cut_off() {
            return rest;
        }
        let present = rest.get(..length).unwrap_or(rest);
        let meaning = if present.len() == length {
            meaning(present)
        } else {
            Err(format!("cut off: {} of {length} bytes are there", present.len()))
        };
        self.fields.push(Field {
            offset: self.offset,
            length,
            name: format!("{}{name}", self.path),
            hex: hex::encode(present),
            legal: meaning.is_ok(),
            meaning: meaning.unwrap_or_else(|problem| problem),
        });
        self.offset += present.len();
        present
    }

    /// Whether a field already said that the bytes ran out.
    fn is_cut_off(&self) -> bool {
        self.fields.last().is_some_and(|field| field.hex.len() < 2 * field.length)
    }

    /// A structure inside this one.
    pub(super) fn part(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        let outer = self.path.len();
        self.path.push_str(name);
        self.path.push('.');
        walk(self);
        self.path.truncate(outer);
    }

    /// The fields; what no field took is one more, and wrong.
    pub(super) fn into_fields(mut self) -> Vec<Field> {
        let left = self.left();
        if left > 0 {
            self.path.clear();
            self.field("trailing bytes", left, |_| Err("nothing may follow".to_owned()));
        }
        self.fields
    }
}
