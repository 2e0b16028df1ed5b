//! Times as PostgreSQL keeps them: microseconds since 2000, with infinities at both ends.

use jiff::Timestamp;
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef, types::Oid},
};

/// Microseconds from 1970 to 2000.
const EPOCH: i64 = 946_684_800_000_000;
/// The first microsecond of 4713 BC, before which PostgreSQL knows no time.
const FIRST: i64 = -211_813_488_000_000_000;

const TIMESTAMPTZ: Oid = Oid(1184);
const TIMESTAMPTZ_ARRAY: Oid = Oid(1185);

/// A time on its way to or from a `timestamptz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Type<Postgres> for Time {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl PgHasArrayType for Time {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ_ARRAY)
    }
}

impl Encode<'_, Postgres> for Time {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.0.as_microsecond() - EPOCH;
        // What is earlier than PostgreSQL can tell is before everything.
        let micros = if micros < FIRST { i64::MIN } else { micros };
        Encode::<Postgres>::encode_by_ref(&micros, buffer)
    }
}

impl Decode<'_, Postgres> for Time {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() == PgValueFormat::Text {
            return Err("times are read in the binary format only".into());
        }
        match <i64 as Decode<Postgres>>::decode(value)? {
            i64::MIN => Ok(Self(Timestamp::MIN)),
            micros => Ok(Self(Timestamp::from_microsecond(micros.checked_add(EPOCH).ok_or("after all times")?)?)),
        }
    }
}
