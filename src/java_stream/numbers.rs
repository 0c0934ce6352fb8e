//! `java.math.BigInteger` and `java.math.BigDecimal`, as decimal digits.

use super::{Budget, Entry, Object, Stream, Value};

/// The longest magnitude that is read, in bytes. Longer ones have more than 2,400 digits.
const MAX_MAGNITUDE: usize = 1024;

/// The decimal digits of a `java.math.BigInteger`, with a minus sign if it is negative. `None` if it is too long,
/// or has no such fields.
pub(crate) fn big_integer<'a>(
    stream: &Stream<'a>,
    object: &Object<'a>,
    budget: &mut Budget,
) -> Option<String> {
    let signum = stream.field(object, "signum")?.as_integer()?;
    let Value::Ref(magnitude) = stream.field(object, "magnitude")? else { return None };
    let Some(Entry::Bytes(magnitude)) = stream.entry(magnitude) else { return None };
    if magnitude.len() > MAX_MAGNITUDE {
        return None;
    }
    // The time it takes grows with the square of the length.
    budget.take(1 + magnitude.len().pow(2) / 64).ok()?;
    let digits = decimal(magnitude);
    Some(if signum < 0 { format!("-{digits}") } else { digits })
}

/// The decimal number of a `java.math.BigDecimal`, with as many decimal places as its scale says; in the form
/// `123E5` if its scale is negative or very large. `None` as for [`big_integer`].
pub(crate) fn big_decimal<'a>(
    stream: &Stream<'a>,
    object: &Object<'a>,
    budget: &mut Budget,
) -> Option<String> {
    let scale = stream.field(object, "scale")?.as_integer()?;
    let unscaled = stream.object(stream.field(object, "intVal")?)?;
    let unscaled = big_integer(stream, unscaled, budget)?;
    let places = match usize::try_from(scale) {
        Ok(0) => return Some(unscaled),
        Ok(places @ 1..=MAX_MAGNITUDE) => places,
        _ => return Some(format!("{unscaled}E{}", -i128::from(scale))),
    };
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled.as_str()),
    };
    let digits = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    Some(format!("{sign}{whole}.{fraction}"))
}

fn decimal(magnitude: &[u8]) -> String {
    const CHUNK: u64 = 1_000_000_000;

    // Digits of base 10^9, the lowest first.
    let mut chunks = vec![0_u64];
    for &byte in magnitude {
        let mut carry = u64::from(byte);
        for chunk in &mut chunks {
            let next = *chunk * 256 + carry;
            *chunk = next % CHUNK;
            carry = next / CHUNK;
        }
        if carry > 0 {
            chunks.push(carry);
        }
    }
    let mut text = String::new();
    for (place, chunk) in chunks.iter().rev().enumerate() {
        text += &if place == 0 { chunk.to_string() } else { format!("{chunk:09}") };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_digits_agree_with_u128() {
        for number in [0, 1, 255, 256, 999_999_999, 1_000_000_000, u128::from(u64::MAX) + 1, u128::MAX] {
            assert_eq!(decimal(&number.to_be_bytes()), number.to_string());
        }
        assert_eq!(decimal(&[]), "0");
    }
}
