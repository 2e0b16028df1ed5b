//! Many messages for one channel as one: counts and sums per type, then a line for each.

use std::collections::BTreeMap;

use events_core::EventType;

use crate::{escape::cut, message::Message, number};

/// Most lines of a digest.
const LINES: usize = 50;
/// Longest digest in characters; Slack splits messages from about 4,000.
const CHARS: usize = 3_500;
/// Longest line in characters, so that one event does not fill the digest.
const LINE_CHARS: usize = 500;
/// Most types named in the header.
const TYPES: usize = 10;

/// One event of a digest.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Its canonical type.
    pub(crate) event_type: EventType,
    /// Its own message.
    pub(crate) message: Message,
    /// Numbers of its template that make sense when added up, by name; `None` for one that is
    /// not whole, of which there is no exact sum.
    pub(crate) amounts: Vec<(String, Option<i128>)>,
}

/// The text of a digest.
pub(crate) fn text(items: &[Item]) -> String {
    let mut text = header(items);
    let mut length = text.chars().count();
    let mut shown = 0;
    for item in items.iter().take(LINES) {
        let line = line(&item.message);
        length += 1 + line.chars().count();
        if length > CHARS {
            break;
        }
        text.push('\n');
        text.push_str(&line);
        shown += 1;
    }
    if shown < items.len() {
        text.push_str(&format!("\n…and {} more", items.len() - shown));
    }
    text
}

/// `12 events: 10 import.completed (row_count 34,120), 2 user.signup`, the most frequent first.
fn header(items: &[Item]) -> String {
    let mut types = BTreeMap::<&EventType, (usize, BTreeMap<&str, Option<i128>>)>::new();
    for item in items {
        let (count, sums) = types.entry(&item.event_type).or_default();
        *count += 1;
        for (name, amount) in &item.amounts {
            let sum = sums.entry(name).or_insert(Some(0));
            *sum = sum.zip(*amount).and_then(|(sum, amount)| sum.checked_add(amount));
        }
    }
    let mut types: Vec<_> = types.into_iter().collect();
    types.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let mut parts: Vec<_> = types.iter().take(TYPES).map(|(name, (count, sums))| part(name, *count, sums)).collect();
    if types.len() > TYPES {
        parts.push(format!("{} more types", types.len() - TYPES));
    }
    format!("{} events: {}", items.len(), parts.join(", "))
}

fn part(event_type: &EventType, count: usize, sums: &BTreeMap<&str, Option<i128>>) -> String {
    let sum =
        |(name, sum): (&&str, &Option<i128>)| sum.map(|sum| format!("{name} {}", number::thousands(&sum.to_string())));
    let sums: Vec<_> = sums.iter().filter_map(sum).collect();
    let sums = if sums.is_empty() { String::new() } else { format!(" ({})", sums.join(", ")) };
    format!("{count} {event_type}{sums}")
}

/// A message in one line, its fields behind the text.
fn line(message: &Message) -> String {
    let fields: Vec<_> = message.fields.iter().map(|field| format!("{}: {}", field.title, field.value)).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    cut(&format!("{}{fields}", message.text).replace(['\n', '\r'], " "), LINE_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Field;

    fn item(event_type: &str, text: &str, amount: Option<i128>) -> Item {
        let amounts = amount.map(|amount| ("row_count".to_owned(), Some(amount))).into_iter().collect();
        Item { event_type: event_type.parse().unwrap(), message: Message::plain(text.into()), amounts }
    }

    #[test]
    fn counts_and_sums_stand_above_one_line_each() {
        let mut alert = item("billing.payment_failed", "Payment\nfailed", None);
        alert.message.fields.push(Field { title: "Amount".into(), value: "$50.00".into() });
        let items = [
            item("user.signup", "New signup: a", None),
            item("import.completed", "Import: 1", Some(1_200)),
            alert,
            item("import.completed", "Import: 2", Some(32_920)),
        ];
        assert_eq!(
            text(&items),
            "4 events: 2 import.completed (row_count 34,120), 1 billing.payment_failed, 1 user.signup\n\
             New signup: a\nImport: 1\nPayment failed (Amount: $50.00)\nImport: 2"
        );
    }

    #[test]
    fn a_digest_ends_at_50_lines_or_3500_characters() {
        let short: Vec<_> = (0..87).map(|at| item("a.b", &format!("{at}"), None)).collect();
        let digest = text(&short);
        assert!(digest.starts_with("87 events: 87 a.b\n0\n1\n") && digest.ends_with("\n49\n…and 37 more"), "{digest}");
        let exactly: Vec<_> = (0..50).map(|at| item("a.b", &format!("{at}"), None)).collect();
        assert!(text(&exactly).ends_with("\n49"));

        let long: Vec<_> = (0..50).map(|_| item("a.b", &"&amp;".repeat(300), None)).collect();
        let digest = text(&long);
        assert!(digest.ends_with("&amp;…\n…and 43 more") && digest.chars().count() <= 3_520, "{digest}");
    }

    #[test]
    fn many_types_do_not_fill_the_header() {
        let items: Vec<_> = (0..30).map(|at| item(&format!("a.b{at}"), "x", None)).collect();
        assert!(text(&items).lines().next().unwrap().ends_with("1 a.b17, 20 more types"), "{}", text(&items));
    }

    #[test]
    fn a_sum_that_would_be_wrong_is_left_out() {
        let mut half = item("a.b", "x", Some(1));
        half.amounts[0].1 = None;
        assert!(text(&[half, item("a.b", "y", Some(1))]).starts_with("2 events: 2 a.b\n"));
        let items = [item("a.b", "x", Some(i128::MAX)), item("a.b", "y", Some(1))];
        assert!(text(&items).starts_with("2 events: 2 a.b\n"));
    }
}
