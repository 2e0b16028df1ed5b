//! Filters as a whole: what they accept, what they refuse and where, and what always holds of them.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::{Explanation, Filter};
use crate::{event::Event, testkit::event};

fn order() -> Event {
    let payload = json!({
        "amount": 4_900, "currency": "usd", "note": null, "paid": true,
        "items": [{"sku": "a-1"}, {"sku": "b-2"}], "customer": {"plan": "pro", "7": "seven"},
    });
    let event = event("order.placed").organization("org_1").actor("user_1").payload(payload).build();
    Event::clone(&event)
}

#[track_caller]
fn check(filter: Value, expected: bool) {
    let parsed = Filter::from_value(&filter).unwrap();
    assert_eq!(parsed.matches(&order()), expected, "{filter}");
    assert_eq!(parsed.explain(&order()).held, expected, "{filter}");
    assert_eq!(parsed.to_value(), filter, "it is printed as it was read");
}

#[track_caller]
fn check_field(field: &str, operator: &str, operand: Value, expected: bool) {
    check(json!({ "field": field, operator: operand }), expected);
}

#[test]
fn each_operator_does_what_it_says() {
    for (operator, operand, expected) in [
        ("eq", json!(4900), true),
        ("eq", json!("4900"), false),
        ("neq", json!(4900), false),
        ("neq", json!("4900"), true),
        ("gt", json!(4900), false),
        ("gt", json!(4899.5), true),
        ("gte", json!(4900), true),
        ("gte", json!(4901), false),
        ("lt", json!(4900), false),
        ("lt", json!(4900.5), true),
        ("lte", json!(4900.0), true),
        ("lte", json!(4899), false),
        ("gt", json!("1"), false),
        ("in", json!([1, 4900]), true),
        ("in", json!([1, "4900"]), false),
        ("nin", json!([1, 4900]), false),
        ("nin", json!([1, "4900"]), true),
        ("exists", json!(true), true),
        ("exists", json!(false), false),
        ("starts_with", json!("49"), false),
    ] {
        check_field("payload.amount", operator, operand, expected);
    }
    for (operator, operand, expected) in [
        ("starts_with", json!("us"), true),
        ("starts_with", json!("sd"), false),
        ("ends_with", json!("sd"), true),
        ("ends_with", json!("us"), false),
        ("lt", json!("uzs"), true),
        ("lt", json!("usd"), false),
        ("gte", json!("usd"), true),
        ("gte", json!("uzs"), false),
    ] {
        check_field("payload.currency", operator, operand, expected);
    }
    check_field("payload.note", "eq", json!(null), true);
    check_field("payload.note", "exists", json!(true), true);
    check_field("payload.paid", "eq", json!(true), true);
}

#[test]
fn a_missing_field_makes_everything_false_but_the_negations() {
    for (operator, operand) in [
        ("eq", json!(null)),
        ("gt", json!(0)),
        ("gte", json!(0)),
        ("lt", json!("z")),
        ("lte", json!(0)),
        ("in", json!([null])),
        ("exists", json!(true)),
        ("starts_with", json!("")),
        ("ends_with", json!("")),
    ] {
        check_field("payload.nothing", operator, operand, false);
    }
    check_field("payload.nothing", "neq", json!(1), true);
    check_field("payload.nothing", "nin", json!([1]), true);
    check_field("payload.nothing", "exists", json!(false), true);
}

#[test]
fn fields_lie_in_the_payload_and_in_the_envelope() {
    check_field("payload.items.1.sku", "eq", json!("b-2"), true);
    check_field("payload.items.2.sku", "exists", json!(true), false);
    check_field("payload.items.01.sku", "exists", json!(true), false);
    check_field("payload.customer.7", "eq", json!("seven"), true);
    check_field("payload.amount.deeper", "exists", json!(true), false);
    check_field("event_type", "starts_with", json!("order."), true);
    check_field("event_version", "eq", json!("1.0.0"), true);
    check_field("actor", "eq", json!("user_1"), true);
    check_field("actor_type", "eq", json!("user"), true);
    check_field("organization_id", "eq", json!("org_1"), true);
    check_field("metadata.source", "eq", json!("test"), true);
    check_field("metadata.request_id", "exists", json!(true), false);
    check_field("metadata.causation_depth", "lte", json!(0), true);
}

#[test]
fn combinations_put_conditions_together() {
    let (yes, no) = (json!({"field": "payload.paid", "eq": true}), json!({"field": "payload.paid", "eq": false}));
    check(json!({ "and": [yes, yes] }), true);
    check(json!({ "and": [yes, no] }), false);
    check(json!({ "or": [no, yes] }), true);
    check(json!({ "or": [no, no] }), false);
    check(json!({ "not": no }), true);
    check(json!({ "not": { "and": [yes, { "or": [no, yes] }] } }), false);
}

#[track_caller]
fn refused(filter: Value, place: &str, problem: &str) {
    let refused = Filter::from_value(&filter).unwrap_err();
    assert_eq!(refused.place, place, "{refused}");
    assert!(refused.problem.contains(problem), "{refused}");
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    let yes = json!({"field": "actor", "eq": "a"});
    refused(json!({ "and": [yes, {"field": "payload.a", "gte": true}] }), "filter.and[1].gte", "number or a string");
    refused(json!([]), "filter", "must be an object");
    refused(json!({}), "filter", "is empty");
    refused(json!({ "and": [] }), "filter.and", "at least one");
    refused(json!({ "or": {} }), "filter.or", "must be a list");
    refused(json!({ "xor": [yes] }), "filter.xor", "not known");
    refused(json!({ "and": [yes], "or": [yes] }), "filter.or", "`and`");
    refused(json!({ "not": [yes] }), "filter.not", "must be an object");
    refused(json!({ "not": { "field": "payload.a" } }), "filter.not", "no operator");
    refused(json!({ "field": "payload.a", "gt": 1, "lt": 2 }), "filter.lt", "one operator");
    refused(json!({ "field": "payload.a", "like": "b" }), "filter.like", "no operator");
    refused(json!({ "field": 7, "eq": 7 }), "filter.field", "must be a string");
    for unknown in ["", "payload", "payload.", "payload.a..b", "a", "metadata", "metadata.x", "event_id", "actor.x"] {
        refused(json!({ "field": unknown, "eq": 7 }), "filter.field", "");
    }
    refused(json!({ "field": "payload.a", "eq": [1] }), "filter.eq", "is a list");
    refused(json!({ "field": "payload.a", "in": 1 }), "filter.in", "must be a list");
    refused(json!({ "field": "payload.a", "in": [] }), "filter.in", "1 to 100");
    refused(json!({ "field": "payload.a", "in": [1, {}] }), "filter.in[1]", "is an object");
    refused(json!({ "field": "payload.a", "exists": 1 }), "filter.exists", "true or false");
    refused(json!({ "field": "payload.a", "ends_with": 1 }), "filter.ends_with", "must be a string");
}

#[test]
fn filters_have_limits() {
    let yes = json!({"field": "actor", "eq": "a"});
    let many = |count: usize| json!({ "and": vec![yes.clone(); count] });
    assert!(Filter::from_value(&many(49)).is_ok());
    refused(many(50), "filter.and[49]", "50 conditions");
    let nested = |levels: usize| (1..levels).fold(yes.clone(), |inner, _| json!({ "not": inner }));
    assert!(Filter::from_value(&nested(10)).is_ok());
    refused(nested(11), "filter.not.not.not.not.not.not.not.not.not.not", "10 levels");
    refused(json!({ "field": "actor", "in": vec![1; 101] }), "filter.in", "1 to 100");
    refused(json!({ "field": "actor", "eq": "x".repeat(1_025) }), "filter.eq", "1024");
    refused(json!({ "field": format!("payload.{}", "x".repeat(249)), "eq": 1 }), "filter.field", "256");
    let list = json!({ "field": "actor", "in": vec!["x".repeat(700); 90] });
    assert!(Filter::from_value(&list).is_ok());
    refused(json!({ "and": [list, list] }), "filter", "65536");
    assert!(Filter::parse(&vec![b' '; 70_000]).is_err());
    assert!(Filter::parse(&b"[".repeat(60_000)).is_err(), "and no stack is exhausted");
}

#[test]
fn an_explanation_tells_what_was_found() {
    let amount = json!({"field": "payload.amount", "gte": 5_000});
    let filter = json!({ "or": [amount, {"not": {"field": "payload.items", "exists": true}}] });
    let told = serde_json::to_value(Filter::from_value(&filter).unwrap().explain(&order())).unwrap();
    let expected = json!({
        "place": "filter", "held": false,
        "parts": [
            {"place": "filter.or[0]", "condition": amount, "held": false, "found": 4_900},
            {"place": "filter.or[1]", "held": false, "parts": [{
                "place": "filter.or[1].not", "condition": {"field": "payload.items", "exists": true},
                "held": true, "found": "an array of 2",
            }]},
        ],
    });
    assert_eq!(told, expected);
}

#[test]
fn a_payload_that_cannot_be_read_has_no_fields() {
    let event = Event { payload: crate::Payload::from_json(r#"{"a": 1e999}"#).unwrap(), ..order() };
    let filter = |operator: &str| Filter::from_value(&json!({ "field": "payload.a", operator: true })).unwrap();
    assert!(!filter("exists").matches(&event) && filter("neq").matches(&event));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinities", |number| number.is_finite()).prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
    ]
}

fn any_filter() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        "payload\\.[a-c](\\.[a-c0-2])?",
        Just("actor".to_owned()),
        Just("organization_id".to_owned()),
        Just("metadata.source".to_owned()),
    ];
    let ordered = scalar().prop_filter("only these have an order", |value| value.is_number() || value.is_string());
    let operator = prop_oneof![
        (prop_oneof![Just("eq"), Just("neq")], scalar()),
        (prop_oneof![Just("gt"), Just("gte"), Just("lt"), Just("lte")], ordered),
        (prop_oneof![Just("in"), Just("nin")], vec(scalar(), 1..4).prop_map(Value::from)),
        (Just("exists"), any::<bool>().prop_map(Value::from)),
        (prop_oneof![Just("starts_with"), Just("ends_with")], "[a-c]{0,2}".prop_map(Value::from)),
    ];
    let test = (field, operator).prop_map(|(field, (name, operand))| json!({ "field": field, name: operand }));
    test.prop_recursive(3, 20, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|parts| json!({ "and": parts })),
            vec(inner.clone(), 1..4).prop_map(|parts| json!({ "or": parts })),
            inner.prop_map(|part| json!({ "not": part })),
        ]
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let value = scalar().prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|members| json!(members)),
        ]
    });
    prop::collection::btree_map("[a-c]", value, 0..4)
        .prop_map(|payload| Event::clone(&event("user.signup").actor("a").payload(payload).build()))
}

fn agrees(told: &Explanation) {
    let all = |held: bool| told.parts.iter().all(|part| part.held == held);
    match told.parts.first().map(|part| part.place.rsplit('.').next().unwrap_or_default()) {
        Some("not") => assert_eq!(told.held, all(false)),
        Some(part) if part.starts_with("and") => assert_eq!(told.held, all(true)),
        Some(_) => assert_eq!(told.held, !all(false)),
        None => assert!(told.condition.is_some()),
    }
    told.parts.iter().for_each(agrees);
}

proptest! {
    #[test]
    fn a_printed_filter_reads_the_same(filter in any_filter()) {
        let parsed = Filter::from_value(&filter).unwrap();
        prop_assert_eq!(Filter::parse(parsed.to_value().to_string().as_bytes()).unwrap(), parsed);
    }

    #[test]
    fn not_turns_a_filter_round(filter in any_filter(), event in any_event()) {
        let held = |filter: &Value| Filter::from_value(filter).unwrap().matches(&event);
        let not = json!({ "not": filter });
        prop_assert_eq!(held(&not), !held(&filter));
        prop_assert_eq!(held(&json!({ "not": not })), held(&filter));
    }

    #[test]
    fn an_explanation_agrees_with_the_match(filter in any_filter(), event in any_event()) {
        let filter = Filter::from_value(&filter).unwrap();
        let told = filter.explain(&event);
        prop_assert_eq!(told.held, filter.matches(&event));
        agrees(&told);
    }

    #[test]
    fn no_text_is_too_odd(text in prop_oneof![".{0,200}", "[\\[\\]{}\":,a-z0-9]{0,80}"]) {
        let _ = Filter::parse(text.as_bytes());
    }
}
