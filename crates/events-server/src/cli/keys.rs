//! `keys`: API keys.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{client::Client, text};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List keys
    List,
    /// Make a key and print it; it is shown this once
    Create {
        /// What it is for
        name: String,
        /// What it allows: publish, read, manage, admin
        #[arg(long, value_delimiter = ',', default_value = "publish")]
        scopes: Vec<String>,
        /// The only organization it can see
        #[arg(long, alias = "tenant")]
        organization: Option<String>,
    },
    /// Delete a key; it stops working at once
    Delete {
        /// Its id, as in the list
        key_id: String,
    },
}

pub(super) async fn run(arguments: Arguments, client: &Client, as_json: bool) -> anyhow::Result<()> {
    match arguments.action {
        Action::List => {
            let answer = client.get("api/v1/keys", &[]).await?;
            if as_json {
                text::print_json(&answer)?;
            } else {
                let columns = [
                    ("KEY", "key_id"),
                    ("NAME", "name"),
                    ("SCOPES", "scopes"),
                    ("ORGANIZATION", "organization_id"),
                    ("MADE", "created_at"),
                ];
                text::print_table(text::rows(&answer, "keys"), &columns)?;
            }
        }
        Action::Create { name, scopes, organization } => {
            let body = json!({ "name": name, "scopes": scopes, "organization_id": organization });
            let answer = client.post("api/v1/keys", &body).await?;
            if as_json {
                text::print_json(&answer)?;
            } else {
                text::say(text::shown(&answer["key"]))?;
            }
        }
        Action::Delete { key_id } => {
            client.delete("api/v1/keys", &key_id).await?;
            if as_json {
                text::print_json(&json!({ "deleted": key_id }))?;
            } else {
                text::say(format_args!("deleted {key_id}"))?;
            }
        }
    }
    Ok(())
}
