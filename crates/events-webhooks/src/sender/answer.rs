//! What the status of an answer means for the delivery and the endpoint.

use std::time::Duration;

use events_core::{delivery::ErrorClass, ports::Advice};

use super::failure::{Failure, class};

/// The pause of an endpoint that is overloaded and does not say for how long.
pub const UNSAID_PAUSE: Duration = Duration::from_secs(30);

/// Judges a status: 200 to 299 is success, and nothing else is.
///
/// `asked` is what `Retry-After` asks for; `location` is where a redirect points, cleaned.
pub(super) fn judge(status: u16, asked: Option<Duration>, location: Option<&str>) -> Result<(), Failure> {
    let error_class = match status {
        200..=299 => return Ok(()),
        410 => return Err(gone()),
        429 => class::RATE_LIMITED,
        300..=399 => class::REDIRECT,
        400..=499 => class::HTTP_4XX,
        500..=599 => class::HTTP_5XX,
        _ => class::PROTOCOL,
    };
    let overloaded = matches!(status, 429 | 502 | 503 | 504);
    let pause = asked.or(overloaded.then_some(UNSAID_PAUSE));
    Err(Failure {
        message: message(status, &error_class, pause, location),
        class: error_class,
        advice: pause.map_or(Advice::Retry, Advice::RetryAfter),
    })
}

fn gone() -> Failure {
    let message = "the endpoint answered 410: it is gone and wants no more messages".to_owned();
    Failure { class: class::GONE, message, advice: Advice::TargetDown }
}

fn message(status: u16, error_class: &ErrorClass, pause: Option<Duration>, location: Option<&str>) -> String {
    let mut message = format!("the endpoint answered {status}");
    if *error_class == class::REDIRECT {
        if let Some(location) = location {
            message += &format!(" with the location {location}");
        }
        message += "; redirects are never followed: change the URL of the subscription";
    }
    if let Some(pause) = pause {
        message += &format!("; the next call is made after a pause of {} s", pause.as_secs());
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_200_to_299_is_success() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judge(status, None, None), Ok(()), "{status}");
        }
        for status in [100, 199, 300, 301, 302, 304, 307, 308, 400, 404, 499, 500, 599, 600, 999] {
            assert!(judge(status, None, None).is_err(), "{status}");
        }
    }

    #[test]
    fn every_status_has_its_class_and_its_consequence() {
        let asked = Some(Duration::from_secs(7));
        let check = |status, asked, class: &str, advice| {
            let failure = judge(status, asked, None).unwrap_err();
            assert_eq!((failure.class.as_str(), failure.advice), (class, advice), "{status}");
        };
        check(304, None, "redirect", Advice::Retry);
        check(404, None, "http_4xx", Advice::Retry);
        check(500, None, "http_5xx", Advice::Retry);
        check(410, None, "gone", Advice::TargetDown);
        check(410, asked, "gone", Advice::TargetDown);
        check(429, None, "rate_limited", Advice::RetryAfter(UNSAID_PAUSE));
        for status in [502, 503, 504] {
            check(status, None, "http_5xx", Advice::RetryAfter(UNSAID_PAUSE));
        }
        for status in [302, 404, 429, 500, 503] {
            let failure = judge(status, asked, None).unwrap_err();
            assert_eq!(failure.advice, Advice::RetryAfter(Duration::from_secs(7)), "{status}");
        }
        check(199, None, "protocol", Advice::Retry);
    }

    #[test]
    fn a_redirect_says_where_it_points() {
        let failure = judge(302, None, Some("https://elsewhere.example/")).unwrap_err();
        assert!(failure.message.contains("https://elsewhere.example/"), "{failure}");
    }
}
