//! Between values of Rust and columns: every number is a BIGINT, every byte string a BYTEA.

use std::error::Error;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Failure = Box<dyn Error + Sync + Send>;

/// A value that goes into a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Null,
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Numbers(&'a [i64]),
    MaybeNumbers(&'a [Option<i64>]),
    ByteStrings(&'a [&'a [u8]]),
    MaybeByteStrings(&'a [Option<&'a [u8]>]),
    Texts(&'a [&'a str]),
}

impl Value<'_> {
    /// What it is declared as; what nothing is, the statement has to tell.
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::Null => Type::UNKNOWN,
            Self::Number(_) => Type::INT8,
            Self::Bytes(_) => Type::BYTEA,
            Self::Text(_) => Type::TEXT,
            Self::Numbers(_) | Self::MaybeNumbers(_) => Type::INT8_ARRAY,
            Self::ByteStrings(_) | Self::MaybeByteStrings(_) => Type::BYTEA_ARRAY,
            Self::Texts(_) => Type::TEXT_ARRAY,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut bytes::BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Number(number) => match *kind {
                Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
                Type::BOOL => (*number != 0).to_sql(kind, out),
                _ => number.to_sql_checked(kind, out),
            },
            Self::Bytes(bytes) => bytes.to_sql_checked(kind, out),
            Self::Text(text) => text.to_sql_checked(kind, out),
            Self::Numbers(numbers) => numbers.to_sql_checked(kind, out),
            Self::MaybeNumbers(numbers) => numbers.to_sql_checked(kind, out),
            Self::ByteStrings(strings) => strings.to_sql_checked(kind, out),
            Self::MaybeByteStrings(strings) => strings.to_sql_checked(kind, out),
            Self::Texts(texts) => texts.to_sql_checked(kind, out),
        }
    }

    // The values themselves say whether they fit, where they are written.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What can go into a statement.
pub(super) trait Parameter {
    fn value(&self) -> Value<'_>;
}

impl<T: Parameter + ?Sized> Parameter for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<T: Parameter> Parameter for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }
}

impl<const N: usize> Parameter for [u8; N] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Parameter for [u8] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Parameter for Vec<u8> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Parameter for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Parameter for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Parameter for Value<'_> {
    fn value(&self) -> Value<'_> {
        *self
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => { $(
        impl Parameter for $kind {
            fn value(&self) -> Value<'_> {
                Value::Number(i64::from(*self))
            }
        }
    )* };
}
numbers!(bool, u8, u16, u32, i64);

/// All values of one statement, in their order.
pub(super) trait Parameters {
    fn values(&self) -> Vec<Value<'_>>;
    /// Their names, where they have any.
    fn names(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl<T: Parameter> Parameters for [T; 1] {
    fn values(&self) -> Vec<Value<'_>> {
        self.iter().map(T::value).collect()
    }
}

/// None at all. Arrays of every length would leave the type of these open.
impl Parameters for [(); 0] {
    fn values(&self) -> Vec<Value<'_>> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => { $(
        impl<$($name: Parameter),+> Parameters for ($($name,)+) {
            #[allow(non_snake_case, reason = "a variable of each type has its name")]
            fn values(&self) -> Vec<Value<'_>> {
                let ($($name,)+) = self;
                vec![$($name.value()),+]
            }
        }
    )* };
}
tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
}

/// Values by name, as [`named_params`](super::rows::named_params) makes them.
pub(super) struct Named<'a, const N: usize>(pub(super) [(&'static str, &'a dyn Parameter); N]);

impl<const N: usize> Parameters for Named<'_, N> {
    fn values(&self) -> Vec<Value<'_>> {
        self.0.iter().map(|(_, parameter)| parameter.value()).collect()
    }
    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

/// What comes out of a column.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Null,
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
}

impl<'a> FromSql<'a> for Found<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(match *kind {
            Type::INT8 => Self::Number(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Number(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Self::Number(bool::from_sql(kind, raw)?.into()),
            Type::NUMERIC => Self::Number(whole_number(raw).ok_or("a sum is no number of 64 bits")?),
            Type::BYTEA => Self::Bytes(raw),
            _ => Self::Text(<&str>::from_sql(kind, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self::Null)
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::BOOL | Type::NUMERIC | Type::BYTEA | Type::TEXT | Type::VARCHAR)
    }
}

/// A sum of BIGINTs is a NUMERIC: groups of four digits behind how many there are, the exponent of the first, the sign
/// and how many digits follow the point.
fn whole_number(raw: &[u8]) -> Option<i64> {
    let mut words = raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (groups, exponent, sign, _) = (words.next()?, words.next()?.cast_signed(), words.next()?, words.next()?);
    let mut number = 0_i128;
    for place in 0..=exponent {
        let group = if place < groups.cast_signed() { words.next()? } else { 0 };
        number = number.checked_mul(10_000)?.checked_add(group.into())?;
    }
    let is_whole = words.all(|group| group == 0);
    match sign {
        0 if is_whole => i64::try_from(number).ok(),
        0x4000 if is_whole => i64::try_from(-number).ok(),
        _ => None,
    }
}

/// What a column can be read as.
pub(super) trait Field: Sized {
    /// `None` when it is something else.
    fn of(found: Found<'_>) -> Option<Self>;
}

impl<T: Field> Field for Option<T> {
    fn of(found: Found<'_>) -> Option<Self> {
        match found {
            Found::Null => Some(None),
            found => T::of(found).map(Some),
        }
    }
}

impl Field for String {
    fn of(found: Found<'_>) -> Option<Self> {
        if let Found::Text(text) = found { Some(text.to_owned()) } else { None }
    }
}

impl Field for Vec<u8> {
    fn of(found: Found<'_>) -> Option<Self> {
        if let Found::Bytes(bytes) = found { Some(bytes.to_vec()) } else { None }
    }
}

impl<const N: usize> Field for [u8; N] {
    fn of(found: Found<'_>) -> Option<Self> {
        if let Found::Bytes(bytes) = found { bytes.try_into().ok() } else { None }
    }
}

impl Field for bool {
    fn of(found: Found<'_>) -> Option<Self> {
        if let Found::Number(number) = found { Some(number != 0) } else { None }
    }
}

macro_rules! number_fields {
    ($($kind:ty),*) => { $(
        impl Field for $kind {
            fn of(found: Found<'_>) -> Option<Self> {
                if let Found::Number(number) = found { number.try_into().ok() } else { None }
            }
        }
    )* };
}
number_fields!(u8, u16, u32, u64, i64);

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_sum_is_read_as_a_whole_number() {
        assert_eq!(whole_number(&numeric(&[0, 0, 0, 0])), Some(0));
        assert_eq!(whole_number(&numeric(&[1, 0, 0, 0, 7])), Some(7));
        assert_eq!(whole_number(&numeric(&[1, 1, 0, 0, 3])), Some(30_000), "groups of zeros are left out");
        assert_eq!(whole_number(&numeric(&[2, 1, 0x4000, 0, 1, 2345])), Some(-12_345));
        assert_eq!(whole_number(&numeric(&[2, 0, 0, 1, 1, 5000])), None, "1.5");
        assert_eq!(whole_number(&numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5807])), Some(i64::MAX));
        assert_eq!(whole_number(&numeric(&[5, 4, 0, 0, 922, 3372, 368, 5477, 5808])), None);
        assert_eq!(whole_number(&numeric(&[5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808])), Some(i64::MIN));
        assert_eq!(whole_number(&numeric(&[0, 0, 0xc000, 0])), None, "not a number");
        assert_eq!(whole_number(&numeric(&[1, 0])), None);
    }
}
