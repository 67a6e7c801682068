//! One encoding for every value, on the air and on disk.
//!
//! Little endian, fixed widths, no padding, no optional shorter forms: two different byte strings never mean the same
//! value, so a hash or a signature over the bytes is one over the meaning. Tags of our own enums are code words of the
//! extended Hamming code (0x00, 0x0F, 0x33, 0x3C, 0x55, 0x5A, 0x66, 0x69, and their complements): any two differ in at
//! least four bits, so that no single flipped bit turns one meaning into another.
//!
//! # Promises
//! - [`decode`] accepts exactly what [`encode`] makes: nothing shorter, longer or spelled otherwise.
//! - A length is checked against its limit before anything is allocated for it.

use thiserror::Error;

/// The version of every message and durable form in this crate. A change of any byte makes a new one.
pub const VERSION: u8 = 2;

/// Why bytes are no value. Nothing was taken from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Malformed {
    /// The bytes end inside a value.
    #[error("bytes end early: {needed} more needed at offset {offset}")]
    Short {
        /// Where reading stopped.
        offset: usize,
        /// How many bytes the value still lacks, at least.
        needed: usize,
    },
    /// Bytes are left over behind the value.
    #[error("{left} bytes too many behind offset {offset}")]
    Long {
        /// Where the value ended.
        offset: usize,
        /// How many bytes follow.
        left: usize,
    },
    /// A tag, flag, length or character that no encoder writes.
    #[error("no such {what}: {value:#x} at offset {offset}")]
    Unknown {
        /// What was expected there.
        what: &'static str,
        /// What was there instead.
        value: u64,
        /// Where.
        offset: usize,
    },
    /// Another version of the protocol or of the durable form.
    #[error("version {found}, this program speaks {VERSION}")]
    Version {
        /// What the bytes say they are.
        found: u8,
    },
}

/// A value with exactly one encoding.
pub trait Wire: Sized {
    /// Appends the encoding.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes one value from the front.
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// The encoding of a value.
pub fn encode<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

/// The value that these bytes encode, all of them.
// keeps R-LNK-17
pub fn decode<T: Wire>(bytes: &[u8]) -> Result<T, Malformed> {
    let mut input = Reader::new(bytes);
    let value = T::take(&mut input)?;
    input.finish()?;
    Ok(value)
}

/// Reads from the front of a byte string and knows where it is.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or(Malformed::Short { offset: self.offset, needed: len.saturating_sub(self.bytes.len()) })?;
        self.bytes = rest;
        self.offset += len;
        Ok(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    /// An error about what was just read.
    pub fn unknown(&self, what: &'static str, value: impl Into<u64>) -> Malformed {
        Malformed::Unknown { what, value: value.into(), offset: self.offset.saturating_sub(1) }
    }

    /// How many bytes are left.
    pub const fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Refuses bytes that nothing has read.
    pub const fn finish(&self) -> Result<(), Malformed> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(Malformed::Long { offset: self.offset, left }),
        }
    }
}

macro_rules! wire_integers {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
                input.array().map(Self::from_le_bytes)
            }
        }
    )*};
}
wire_integers!(u8, u16, u32, u64, i16, i64);

impl<const N: usize> Wire for [u8; N] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.array()
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(if *self { 0xFF } else { 0x00 });
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::take(input)? {
            0x00 => Ok(false),
            0xFF => Ok(true),
            other => Err(input.unknown("flag", other)),
        }
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        bool::take(input)?.then(|| T::take(input)).transpose()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((A::take(input)?, B::take(input)?))
    }
}

/// A list of at most `MAX` values; `MAX` fits in 16 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bounded<T, const MAX: usize>(Vec<T>);

/// A list or text is longer than its limit. Nothing was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("full: at most {max} fit")]
pub struct Full {
    /// The limit.
    pub max: usize,
}

impl<T, const MAX: usize> Bounded<T, MAX> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends one value, or refuses and leaves the list as it was.
    pub fn push(&mut self, value: T) -> Result<(), Full> {
        if self.0.len() >= MAX {
            return Err(Full { max: MAX });
        }
        self.0.push(value);
        Ok(())
    }

    /// Keeps what `keep` says.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Takes out the value at `index`, if there is one.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        (index < self.0.len()).then(|| self.0.remove(index))
    }

    /// The values, to change in place.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.0
    }

    /// The first values of an iterator, as many as fit.
    pub fn filled_from(values: impl IntoIterator<Item = T>) -> Self {
        Self(values.into_iter().take(MAX).collect())
    }
}

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const MAX: usize> core::ops::Deref for Bounded<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> TryFrom<Vec<T>> for Bounded<T, MAX> {
    type Error = Full;
    fn try_from(values: Vec<T>) -> Result<Self, Full> {
        if values.len() > MAX { Err(Full { max: MAX }) } else { Ok(Self(values)) }
    }
}

impl<T: Wire, const MAX: usize> Wire for Bounded<T, MAX> {
    fn put(&self, out: &mut Vec<u8>) {
        u16::try_from(self.0.len()).expect("a list's limit fits in 16 bits: kept by push and try_from").put(out);
        self.0.iter().for_each(|value| value.put(out));
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let len = u16::take(input)?;
        if usize::from(len) > MAX {
            return Err(input.unknown("list length", len));
        }
        (0..len).map(|_| T::take(input)).collect::<Result<_, _>>().map(Self)
    }
}

/// A text of at most `MAX` bytes of UTF-8, without control characters; `MAX` is at most 255.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// A text, if it is short enough and holds no control character.
    pub fn new(text: &str) -> Result<Self, Full> {
        let fits = text.len() <= MAX && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(Full { max: MAX })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> core::fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> Wire for Text<MAX> {
    fn put(&self, out: &mut Vec<u8>) {
        u8::try_from(self.0.len()).expect("a text's limit fits in 8 bits: kept by new").put(out);
        out.extend_from_slice(self.0.as_bytes());
    }
    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let len = u8::take(input)?;
        let bytes = input.bytes(usize::from(len))?;
        let text = core::str::from_utf8(bytes).map_err(|_| input.unknown("text", len))?;
        Self::new(text).map_err(|_| input.unknown("text", len))
    }
}

/// Gives structs their encoding: the fields in the order written.
#[macro_export]
macro_rules! wire_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut ::std::vec::Vec<u8>) {
                $($crate::wire::Wire::put(&self.$field, out);)*
            }
            fn take(input: &mut $crate::wire::Reader<'_>) -> ::core::result::Result<Self, $crate::wire::Malformed> {
                ::core::result::Result::Ok(Self { $($field: $crate::wire::Wire::take(input)?),* })
            }
        }
    };
}
pub use wire_struct;

/// Gives one-field tuple structs the encoding of their field.
#[macro_export]
macro_rules! wire_newtype {
    ($($name:ident($inner:ty)),* $(,)?) => {$(
        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut ::std::vec::Vec<u8>) {
                $crate::wire::Wire::put(&self.0, out);
            }
            fn take(input: &mut $crate::wire::Reader<'_>) -> ::core::result::Result<Self, $crate::wire::Malformed> {
                <$inner as $crate::wire::Wire>::take(input).map(Self)
            }
        }
    )*};
}
pub use wire_newtype;

/// Gives an enum its encoding: the tag, then the variant's fields in the order written.
#[macro_export]
macro_rules! wire_enum {
    ($name:ident: $tag:ty {
        $($code:literal => $variant:ident $({ $($field:ident),* $(,)? })? $(($item:ident))?),* $(,)?
    }) => {
        impl $crate::wire::Wire for $name {
            fn put(&self, out: &mut ::std::vec::Vec<u8>) {
                match self {
                    $(Self::$variant $({ $($field),* })? $(($item))? => {
                        <$tag as $crate::wire::Wire>::put(&$code, out);
                        $($($crate::wire::Wire::put($field, out);)*)?
                        $($crate::wire::Wire::put($item, out);)?
                    })*
                }
            }
            fn take(input: &mut $crate::wire::Reader<'_>) -> ::core::result::Result<Self, $crate::wire::Malformed> {
                match <$tag as $crate::wire::Wire>::take(input)? {
                    $($code => ::core::result::Result::Ok(
                        Self::$variant $({ $($field: $crate::wire::Wire::take(input)?),* })? $(({
                            let $item = $crate::wire::Wire::take(input)?;
                            $item
                        }))?
                    ),)*
                    other => ::core::result::Result::Err(input.unknown(stringify!($name), other)),
                }
            }
        }
    };
}
pub use wire_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_takes_exactly_what_the_encoder_makes() {
        let value: (u32, Option<Text<8>>) = (7, Text::new("mcg").ok());
        let bytes = encode(&value);
        assert_eq!(decode(&bytes), Ok(value));
        for cut in 0..bytes.len() {
            let short = decode::<(u32, Option<Text<8>>)>(&bytes[..cut]);
            assert!(matches!(short, Err(Malformed::Short { .. })), "cut at {cut}: {short:?}");
        }
        let long = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<(u32, Option<Text<8>>)>(&long), Err(Malformed::Long { offset: bytes.len(), left: 1 }));
    }

    #[test]
    fn a_second_spelling_of_a_value_is_refused() {
        assert!(matches!(decode::<bool>(&[1]), Err(Malformed::Unknown { what: "flag", .. })));
        assert!(decode::<Text<4>>(b"\x05hello").is_err(), "longer than the limit");
        assert!(decode::<Text<4>>(b"\x02\xC3\x28").is_err(), "not UTF-8");
        assert!(decode::<Text<4>>(b"\x01\x07").is_err(), "a control character");
    }

    #[test]
    fn a_length_is_checked_before_memory_is_taken() {
        let mut list: Bounded<u8, 2> = Bounded::new();
        assert_eq!((list.push(1), list.push(2), list.push(3)), (Ok(()), Ok(()), Err(Full { max: 2 })));
        assert!(matches!(decode::<Bounded<u8, 2>>(&[0xFF, 0xFF]), Err(Malformed::Unknown { .. })));
    }

    #[test]
    fn a_reader_knows_what_is_left_and_where_it_stands() {
        let mut input = Reader::new(&[1, 2, 3, 4]);
        assert_eq!((input.left(), input.bytes(3), input.left()), (4, Ok([1, 2, 3].as_slice()), 1));
        assert_eq!(input.bytes(3), Err(Malformed::Short { offset: 3, needed: 2 }));
        assert_eq!(input.unknown("word", 3_u8), Malformed::Unknown { what: "word", value: 3, offset: 2 });
        assert_eq!(input.finish(), Err(Malformed::Long { offset: 3, left: 1 }));
        let text: Text<4> = Text::new("mcg").unwrap();
        assert_eq!((text.as_str(), text.to_string()), ("mcg", "mcg".to_owned()));
    }

    #[test]
    fn a_list_takes_what_fits_and_gives_back_what_is_there() {
        let mut list: Bounded<u8, 3> = Bounded::filled_from(1..9);
        assert_eq!(list.to_vec(), [1, 2, 3]);
        list.retain(|value| *value != 2);
        list.as_mut_slice()[0] = 7;
        assert_eq!((list.remove(2), list.remove(1), list.to_vec()), (None, Some(3), vec![7]));
        assert_eq!(Bounded::<u8, 3>::try_from(vec![1, 2, 3]).map(|list| list.len()), Ok(3));
        assert_eq!(Bounded::<u8, 3>::try_from(vec![1, 2, 3, 4]), Err(Full { max: 3 }));
        assert_eq!(decode::<Bounded<u8, 3>>(&[3, 0, 1, 2, 3]), Ok(Bounded::filled_from([1, 2, 3])));
        assert!(decode::<Bounded<u8, 3>>(&[4, 0, 1, 2, 3, 4]).is_err());
    }
}
