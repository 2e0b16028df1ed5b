//! Slack's words for what went wrong, and what each means.

/// What a word of Slack's says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// This message is at fault.
    MessageRefused,
    /// Nothing arrives there until somebody mends it.
    DestinationDown,
    /// Too fast.
    RateLimited,
    /// Slack is at fault.
    Outage,
}

/// The meaning of a word in the answer of an incoming webhook.
pub(crate) fn of_webhook(word: &str) -> Option<Meaning> {
    Some(match word {
        "invalid_payload" | "user_not_found" | "no_text" | "too_many_attachments" | "invalid_blocks" => {
            Meaning::MessageRefused
        }
        "action_prohibited"
        | "posting_to_general_channel_denied"
        | "invalid_token"
        | "channel_not_found"
        | "no_service"
        | "no_service_id"
        | "no_active_hooks"
        | "no_team"
        | "team_disabled"
        | "channel_is_archived" => Meaning::DestinationDown,
        "ratelimited" | "rate_limited" => Meaning::RateLimited,
        "rollup_error" => Meaning::Outage,
        _ => return None,
    })
}

/// The meaning of the `error` in an answer of `chat.postMessage`.
pub(crate) fn of_bot(word: &str) -> Option<Meaning> {
    Some(match word {
        "no_text" | "msg_too_long" | "too_many_attachments" | "invalid_blocks" => Meaning::MessageRefused,
        "channel_not_found" | "not_in_channel" | "is_archived" | "invalid_auth" | "not_authed" | "token_revoked"
        | "token_expired" | "account_inactive" | "missing_scope" => Meaning::DestinationDown,
        "ratelimited" | "rate_limited" => Meaning::RateLimited,
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => Meaning::Outage,
        _ if word.starts_with("restricted_action") => Meaning::DestinationDown,
        _ => return None,
    })
}
