//! Numbers as Python prints them, from their JSON text: `'{}'` and `'{:,}'` of `str.format` (R030).

/// As `'{}'.format(x)`: `1250`, `0.1`, `1e+16`.
pub(crate) fn plain(token: &str) -> String {
    print(token, false)
}

/// As `'{:,}'.format(x)`: `1,250`, `-1,234,567`, `1,234,567.891`.
pub(crate) fn thousands(token: &str) -> String {
    print(token, true)
}

/// Whole numbers are taken from the text, so none is too large; others are 64-bit floats,
/// as in Python. A number beyond those (`1e999`) is printed as it was published.
fn print(token: &str, grouped: bool) -> String {
    if is_whole(token) {
        let (sign, digits) = split_sign(token);
        let sign = if digits == "0" { "" } else { sign };
        return format!("{sign}{}", group(digits, grouped));
    }
    match token.parse::<f64>() {
        Ok(value) if value.is_finite() => float(value, grouped),
        _ => token.to_owned(),
    }
}

/// Whether a JSON number is written as an integer.
pub(crate) fn is_whole(token: &str) -> bool {
    !token.contains(['.', 'e', 'E'])
}

fn split_sign(token: &str) -> (&str, &str) {
    token.strip_prefix('-').map_or(("", token), |digits| ("-", digits))
}

/// The shortest digits that mean the same float, laid out by Python's rule: with an exponent
/// below 10⁻⁴ and from 10¹⁶ on, otherwise with at least one digit after the point.
fn float(value: f64, grouped: bool) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs());
    }
    let (sign, positional) = (if value.is_sign_negative() { "-" } else { "" }, value.abs().to_string());
    let (whole, fraction) = positional.split_once('.').unwrap_or((&positional, "0"));
    format!("{sign}{}.{fraction}", group(whole, grouped))
}

/// Puts a comma before every third digit from the end.
fn group(digits: &str, grouped: bool) -> String {
    if !grouped {
        return digits.to_owned();
    }
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python 3 answers to `json.loads`, then `'{}'.format` and `'{:,}'.format`.
    #[test]
    fn r030_numbers_are_printed_as_python_prints_them() {
        for (token, in_plain, in_thousands) in [
            ("1250", "1250", "1,250"),
            ("-1234567", "-1234567", "-1,234,567"),
            ("1234567.891", "1234567.891", "1,234,567.891"),
            ("0", "0", "0"),
            ("-0", "0", "0"),
            ("-0.0", "-0.0", "-0.0"),
            ("999", "999", "999"),
            ("-999", "-999", "-999"),
            ("1000", "1000", "1,000"),
            ("100000", "100000", "100,000"),
            ("1250.0", "1250.0", "1,250.0"),
            ("1250.50", "1250.5", "1,250.5"),
            ("1e3", "1000.0", "1,000.0"),
            ("1e15", "1000000000000000.0", "1,000,000,000,000,000.0"),
            ("1e16", "1e+16", "1e+16"),
            ("9999999999999998.0", "9999999999999998.0", "9,999,999,999,999,998.0"),
            ("123456789012345.6", "123456789012345.6", "123,456,789,012,345.6"),
            ("0.0001", "0.0001", "0.0001"),
            ("0.00001", "1e-05", "1e-05"),
            ("1.5e300", "1.5e+300", "1.5e+300"),
            ("-1E22", "-1e+22", "-1e+22"),
            ("5e-324", "5e-324", "5e-324"),
            ("0.1", "0.1", "0.1"),
            ("12345678901234567890123", "12345678901234567890123", "12,345,678,901,234,567,890,123"),
        ] {
            assert_eq!((plain(token).as_str(), thousands(token).as_str()), (in_plain, in_thousands), "{token}");
        }
    }
}
