//! Amounts of money in the currency of the event (R217, C35, C43).

use serde::Deserialize;

use crate::{
    escape,
    fields::{Fields, FillError, Found},
    number,
};

/// What an amount counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The smallest unit of the currency: cents, yen, fils.
    #[default]
    Minor,
    /// Whole units of the currency, with a fraction where there is one.
    Major,
}

/// An amount of money in a payload, to be shown as `$50.00`, `¥5000` or `CHF 12.00`.
///
/// The payload's `currency` (ISO 4217, in any case) decides the symbol and the number of
/// decimals; without one it is `$` and two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Money {
    /// Name of the payload's field, dotted.
    pub(crate) field: String,
    /// What the field counts.
    pub(crate) unit: Unit,
}

impl Money {
    /// The amount, for people.
    ///
    /// # Errors
    /// [`FillError`] that names the field which is missing or no number.
    pub(crate) fn render(&self, fields: &Fields<'_>) -> Result<String, FillError> {
        let found = fields.get(&self.field).ok_or_else(|| FillError::missing(&self.field))?;
        let Found::Number(token) = &found else {
            return Err(FillError::not_a_number(&self.field, found.kind()));
        };
        let currency = currency(fields)?;
        let (sign, digits) = token.strip_prefix('-').map_or(("", &**token), |digits| ("-", digits));
        let amount = decimal(digits, self.unit, exponent(&currency))
            .ok_or_else(|| FillError::not_a_number(&self.field, "beyond the range of numbers"))?;
        let sign = if amount.contains(|digit| matches!(digit, '1'..='9')) { sign } else { "" };
        Ok(escape::value(&format!("{sign}{}{amount}", symbol(&currency))))
    }
}

/// The code in upper case; `USD` where the payload has none.
fn currency(fields: &Fields<'_>) -> Result<String, FillError> {
    match fields.get("currency") {
        None => Ok("USD".to_owned()),
        Some(Found::Text(code)) if code.trim().is_empty() => Ok("USD".to_owned()),
        Some(Found::Text(code)) => Ok(code.trim().to_uppercase()),
        Some(other) => Err(FillError::unshowable("currency", other.kind())),
    }
}

fn symbol(currency: &str) -> String {
    match currency {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        "JPY" => "¥".to_owned(),
        code => format!("{code} "),
    }
}

/// Decimals of a currency by ISO 4217; two for a code that is not listed.
fn exponent(currency: &str) -> usize {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// A number without sign as an amount with `exponent` decimals. Whole numbers are exact;
/// others are rounded to the last decimal.
fn decimal(digits: &str, unit: Unit, exponent: usize) -> Option<String> {
    if !number::is_whole(digits) {
        let scale = if unit == Unit::Minor { 10_f64.powi(i32::try_from(exponent).ok()?) } else { 1.0 };
        let value = digits.parse::<f64>().ok().filter(|value| value.is_finite())?;
        return Some(format!("{:.exponent$}", value / scale));
    }
    let padded = match unit {
        Unit::Minor => format!("{digits:0>width$}", width = exponent + 1),
        Unit::Major => format!("{digits}{}", "0".repeat(exponent)),
    };
    let (whole, fraction) = padded.split_at(padded.len() - exponent);
    Some(if exponent == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::event_with;

    fn render(unit: Unit, payload: Value) -> Result<String, String> {
        let event = event_with("billing.payment_failed", payload);
        let money = Money { field: "amount".into(), unit };
        money.render(&Fields::of(&event)).map_err(|error| error.to_string())
    }

    #[test]
    fn r217_amounts_are_shown_in_the_currency_of_the_event() {
        let check = |unit, amount: Value, currency: Value, expected: &str| {
            let rendered = render(unit, json!({ "amount": amount, "currency": currency }));
            assert_eq!(rendered.as_deref(), Ok(expected), "{unit:?} {amount} {currency}");
        };
        check(Unit::Minor, json!(5000), Value::Null, "$50.00");
        check(Unit::Minor, json!(5000), json!("usd"), "$50.00");
        check(Unit::Minor, json!(5), json!("EUR"), "€0.05");
        check(Unit::Minor, json!(0), json!("Gbp"), "£0.00");
        check(Unit::Minor, json!(1_234_567), json!(""), "$12345.67");
        check(Unit::Minor, json!(-5000), json!("USD"), "-$50.00");
        check(Unit::Minor, json!(1200), json!("chf"), "CHF 12.00");
        check(Unit::Minor, json!(5000), json!("JPY"), "¥5000");
        check(Unit::Minor, json!(5000), json!("krw"), "KRW 5000");
        check(Unit::Minor, json!(12_345), json!("KWD"), "KWD 12.345");
        check(Unit::Minor, json!(12), json!("BHD"), "BHD 0.012");
        check(Unit::Minor, json!(5000.4), json!("USD"), "$50.00");
        check(Unit::Major, json!(50), json!("USD"), "$50.00");
        check(Unit::Major, json!(49.9), json!("USD"), "$49.90");
        check(Unit::Major, json!(5000), json!("JPY"), "¥5000");
        check(Unit::Major, json!(12.5), json!("TND"), "TND 12.500");
        check(Unit::Major, json!(-0.001), json!("USD"), "$0.00");
        check(Unit::Minor, json!(100), json!("<!channel>"), "&lt;!CHANNEL&gt; 1.00");
    }

    #[test]
    fn an_amount_that_is_missing_or_no_number_is_named() {
        let refused = |payload| render(Unit::Minor, payload).unwrap_err();
        assert_eq!(refused(json!({})), "needs the field `amount`, which the payload does not have");
        assert_eq!(refused(json!({ "amount": null })), "needs the field `amount`, which the payload does not have");
        assert_eq!(refused(json!({ "amount": "50" })), "needs a number in the field `amount`, which is a string");
        assert_eq!(
            refused(json!({ "amount": 1, "currency": 7 })),
            "cannot show the field `currency`, which is a number"
        );
    }
}
