//! Writes an event as an Avro datum, straight to bytes.
//!
//! Knows no schema: the types of the events have their fields and symbols in the order of their
//! schemas, and every `Option` is a union of null and something. Tests hold the bytes against those
//! of the Avro library, whose own writer takes several times as long.

use std::fmt;

use serde::ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use serde::{Serialize, ser};

/// A type that no schema of the events has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no avro type stands for it")]
pub(super) struct NoAvro;

impl ser::Error for NoAvro {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Appends the datum of a value.
pub(super) fn write<T: Serialize>(value: &T, bytes: &mut Vec<u8>) -> Result<(), NoAvro> {
    value.serialize(&mut Datum(bytes))
}

struct Datum<'b>(&'b mut Vec<u8>);

impl Datum<'_> {
    /// Zigzag, then seven bits a byte, the lowest first.
    fn long(&mut self, value: i64) {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    fn length(&mut self, length: usize) -> Result<(), NoAvro> {
        self.long(i64::try_from(length).map_err(|_| NoAvro)?);
        Ok(())
    }

    /// One block for all elements, where there are any; the zero that ends the blocks comes last.
    fn block(&mut self, length: Option<usize>) -> Result<(), NoAvro> {
        match length.ok_or(NoAvro)? {
            0 => Ok(()),
            length => self.length(length),
        }
    }
}

type Never = Impossible<(), NoAvro>;

impl Serializer for &mut Datum<'_> {
    type Ok = ();
    type Error = NoAvro;
    type SerializeSeq = Self;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Never;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bool(self, value: bool) -> Result<(), NoAvro> {
        self.0.push(u8::from(value));
        Ok(())
    }

    fn serialize_i32(self, value: i32) -> Result<(), NoAvro> {
        self.long(value.into());
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), NoAvro> {
        self.long(value);
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), NoAvro> {
        self.length(text.len())?;
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn serialize_none(self) -> Result<(), NoAvro> {
        self.long(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoAvro> {
        self.long(1);
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
    ) -> Result<(), NoAvro> {
        self.long(index.into());
        Ok(())
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, NoAvro> {
        self.block(length)?;
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, NoAvro> {
        self.block(length)?;
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NoAvro> {
        Ok(self)
    }

    // What follows no event has.

    fn serialize_i8(self, _: i8) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_i16(self, _: i16) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_u8(self, _: u8) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_u16(self, _: u16) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_u32(self, _: u32) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_u64(self, _: u64) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_f32(self, _: f32) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_f64(self, _: f64) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_char(self, _: char) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_unit(self) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NoAvro> {
        Err(NoAvro)
    }
    fn serialize_tuple(self, _: usize) -> Result<Never, NoAvro> {
        Err(NoAvro)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Never, NoAvro> {
        Err(NoAvro)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, NoAvro> {
        Err(NoAvro)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Never, NoAvro> {
        Err(NoAvro)
    }
}

impl SerializeStruct for &mut Datum<'_> {
    type Ok = ();
    type Error = NoAvro;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoAvro> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), NoAvro> {
        Ok(())
    }
}

impl SerializeSeq for &mut Datum<'_> {
    type Ok = ();
    type Error = NoAvro;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoAvro> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), NoAvro> {
        self.long(0);
        Ok(())
    }
}

impl SerializeMap for &mut Datum<'_> {
    type Ok = ();
    type Error = NoAvro;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoAvro> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoAvro> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), NoAvro> {
        self.long(0);
        Ok(())
    }
}
