//! Places in the log as JSON: each by itself, or the first and the last of a run.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::queue::Reference;
use crate::event::Seq;

/// Bytes that a reference has for its places, and what one by itself and a run take of them, with a trillion events in
/// the log.
const ROOM: usize = 104;
const ONE: usize = 13;
const RUN: usize = 28;
/// Fewer than this take less room one by one.
const SHORTEST_RUN: usize = 3;

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    One(Seq),
    Run(Seq, Seq),
}

/// What follows each other, together.
fn runs(seqs: &[Seq]) -> impl Iterator<Item = &[Seq]> {
    seqs.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0))
}

/// How many of `seqs`, from the first on, go into one reference.
pub(super) fn fitting(seqs: &[Seq]) -> usize {
    let (mut fitting, mut room) = (0, ROOM);
    for run in runs(seqs) {
        let wanted = run.len().min(Reference::MOST - fitting);
        if wanted >= SHORTEST_RUN && room >= RUN {
            room -= RUN;
            fitting += wanted;
        } else {
            let ones = wanted.min(room / ONE);
            room -= ones * ONE;
            fitting += ones;
            if ones < wanted {
                break;
            }
        }
        if wanted < run.len() {
            break;
        }
    }
    fitting
}

pub(super) fn serialize<S: Serializer>(seqs: &[Seq], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(runs(seqs).flat_map(|run| match run {
        [first, .., last] if run.len() >= SHORTEST_RUN => vec![Place::Run(*first, *last)],
        ones => ones.iter().copied().map(Place::One).collect(),
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Seq>, D::Error> {
    let mut seqs = Vec::new();
    for place in Vec::<Place>::deserialize(deserializer)? {
        let (first, last) = match place {
            Place::One(seq) => (seq.0, seq.0),
            Place::Run(first, last) => (first.0, last.0),
        };
        // Whoever can write into the queue could ask for all the memory there is.
        seqs.extend((first..=last).take(Reference::MOST + 1).map(Seq));
        if seqs.len() > Reference::MOST {
            return Err(D::Error::custom(format_args!("it names more than {} events", Reference::MOST)));
        }
    }
    Ok(seqs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(seqs: impl IntoIterator<Item = i64>) -> Vec<String> {
        let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
        let handler = "slack".into();
        Reference::about(&handler, &seqs).map(|reference| serde_json::to_string(&reference).unwrap()).collect()
    }

    fn seqs(places: &str) -> Result<Vec<i64>, String> {
        let json = format!(r#"{{"handler":"slack","seqs":{places}}}"#);
        let reference: Reference = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        Ok(reference.seqs.iter().map(|seq| seq.0).collect())
    }

    #[test]
    fn a_run_is_its_ends() {
        assert_eq!(references([7, 20, 21, 22, 40, 41]), [r#"{"handler":"slack","seqs":[7,[20,22],40,41]}"#]);
        assert_eq!(seqs("[7,[20,22],40,41]").unwrap(), [7, 20, 21, 22, 40, 41]);
    }

    #[test]
    fn a_long_run_is_told_in_parts() {
        let expected = [r#"{"handler":"slack","seqs":[[1,32]]}"#, r#"{"handler":"slack","seqs":[33,34]}"#];
        assert_eq!(references(1..=34), expected);
    }

    #[test]
    fn what_does_not_follow_is_told_by_eights() {
        let seqs: Vec<Seq> = (0..20).map(|n| Seq(2 * n)).collect();
        let counts: Vec<_> = Reference::about(&"slack".into(), &seqs).map(|reference| reference.seqs.len()).collect();
        assert_eq!(counts, [8, 8, 4]);
    }

    #[test]
    fn more_than_a_reference_holds_is_refused_before_it_takes_memory() {
        assert!(seqs("[[1,33]]").unwrap_err().starts_with("it names more than 32 events"));
        assert!(seqs("[[-9223372036854775808,9223372036854775807]]").unwrap_err().starts_with("it names more"));
        assert_eq!(seqs("[[5,4]]").unwrap(), [0_i64; 0]);
    }
}
