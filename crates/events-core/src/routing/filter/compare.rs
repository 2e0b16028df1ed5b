//! Whether a value is what an operator asks for.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::Operator;

impl Operator {
    /// Whether it holds for the value that was found, or for a field that is missing.
    pub(super) fn holds(&self, found: Option<&Value>) -> bool {
        let ordered =
            |operand, allowed: fn(Ordering) -> bool| found.and_then(|value| order(value, operand)).is_some_and(allowed);
        match self {
            Self::Eq(operand) => found.is_some_and(|value| same(value, operand)),
            Self::Neq(operand) => !found.is_some_and(|value| same(value, operand)),
            Self::Gt(operand) => ordered(operand, Ordering::is_gt),
            Self::Gte(operand) => ordered(operand, Ordering::is_ge),
            Self::Lt(operand) => ordered(operand, Ordering::is_lt),
            Self::Lte(operand) => ordered(operand, Ordering::is_le),
            Self::In(list) => found.is_some_and(|value| list.iter().any(|operand| same(value, operand))),
            Self::Nin(list) => !found.is_some_and(|value| list.iter().any(|operand| same(value, operand))),
            Self::Exists(wanted) => found.is_some() == *wanted,
            Self::StartsWith(start) => found.and_then(Value::as_str).is_some_and(|text| text.starts_with(start)),
            Self::EndsWith(end) => found.and_then(Value::as_str).is_some_and(|text| text.ends_with(end)),
        }
    }
}

/// Whether a value is the operand, which is no array and no object.
fn same(value: &Value, operand: &Value) -> bool {
    match (value, operand) {
        (Value::Number(value), Value::Number(operand)) => order_numbers(value, operand) == Some(Ordering::Equal),
        _ => value == operand,
    }
}

/// How two values of one kind compare; other kinds have no order.
fn order(value: &Value, operand: &Value) -> Option<Ordering> {
    match (value, operand) {
        (Value::Number(value), Value::Number(operand)) => order_numbers(value, operand),
        (Value::String(value), Value::String(operand)) => Some(value.cmp(operand)),
        _ => None,
    }
}

fn order_numbers(one: &Number, other: &Number) -> Option<Ordering> {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        (Some(one), None) => order_exactly(one, other.as_f64()?),
        (None, Some(other)) => order_exactly(other, one.as_f64()?).map(Ordering::reverse),
        (None, None) => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Compares an integer of 64 bits with a float without rounding the integer.
fn order_exactly(integer: i128, float: f64) -> Option<Ordering> {
    /// 2⁶⁵: beyond every integer here, and far within `i128`.
    const BEYOND: f64 = 36_893_488_147_419_103_232.0;
    if float.is_nan() {
        return None;
    }
    if float >= BEYOND {
        return Some(Ordering::Less);
    }
    if float <= -BEYOND {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and small enough")]
    let whole = float.trunc() as i128;
    Some(integer.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(less: &Value, greater: &Value) {
        assert_eq!(order(less, greater), Some(Ordering::Less), "{less} < {greater}");
        assert_eq!(order(greater, less), Some(Ordering::Greater), "{greater} > {less}");
        assert!(!same(less, greater) && same(less, less) && same(greater, greater));
    }

    #[test]
    fn integers_beyond_two_to_the_53_compare_exactly() {
        check(&json!(9_007_199_254_740_992_i64), &json!(9_007_199_254_740_993_i64));
        check(&json!(u64::MAX - 1), &json!(u64::MAX));
        check(&json!(i64::MIN), &json!(u64::MAX));
        check(&json!(9_007_199_254_740_992.0), &json!(9_007_199_254_740_993_i64));
        check(&json!(u64::MAX), &json!(18_446_744_073_709_551_616.0));
        check(&json!(-1e300), &json!(i64::MIN));
        check(&json!(u64::MAX), &json!(1e300));
    }

    #[test]
    fn whole_and_broken_numbers_have_one_order() {
        check(&json!(1), &json!(1.5));
        check(&json!(-1.5), &json!(-1));
        check(&json!(0.1), &json!(0.2));
        assert!(same(&json!(1), &json!(1.0)) && same(&json!(-0.0), &json!(0)));
    }

    #[test]
    fn kinds_do_not_mix() {
        for (one, other) in [(json!("1"), json!(1)), (json!(true), json!("true")), (json!(null), json!(0))] {
            assert!(!same(&one, &other), "{one} is not {other}");
            assert_eq!(order(&one, &other), None);
        }
        check(&json!("2026-01-02"), &json!("2026-01-10"));
        assert_eq!(order(&json!(true), &json!(false)), None, "booleans have no order");
    }
}
