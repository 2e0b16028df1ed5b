//! Commands without a server, commands that are refused, and the demo.

use events_tests::Home;

#[test]
fn check_and_migrate_need_no_server() {
    let home = Home::new("[events]\nenvironment = \"staging\"\n");
    let said = home.run(&["check"]).ok();
    for part in ["staging", "does not exist yet", "SLACK_WEBHOOK_URL", "The configuration is valid."] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!home.data_dir().exists(), "check changes nothing");
    let said = home.run(&["migrate"]).ok();
    assert!(said.contains("is at schema version 7"), "{said}");
    assert!(home.data_dir().join("events.db").exists());
    let said = home.run(&["check"]).ok();
    assert!(said.contains("The database holds "), "{said}");
    assert_eq!(home.run(&["migrate"]).ok().lines().count(), 1, "once more changes nothing");
}

#[test]
fn a_configuration_that_is_wrong_is_refused_by_every_command() {
    for (configuration, says) in [
        ("[sever]\n", "`server`"),
        ("[server]\nlissten = \"x\"\n", "`listen`"),
        ("[server]\ndata_dir = 7\ngrace = 1\n", "grace"),
        ("[slack]\nwebhook_url = \"tops3cret\"\n", "slack.webhook_url"),
        ("[slack.templates]\n\"a.b\" = { template = \"{n\" }\n", "a.b"),
        ("this is not TOML", "not valid TOML"),
    ] {
        let home = Home::new(configuration);
        for command in ["check", "serve", "migrate"] {
            let refusal = home.run(&[command]).refused();
            assert!(refusal.starts_with("error: ") && refusal.contains(says), "{configuration:?}: {refusal}");
            assert!(!refusal.contains("tops3cret"), "{refusal}");
        }
    }
    let refusal = Home::new("").run(&["--config", "nowhere.toml", "check"]).refused();
    assert!(refusal.contains("nowhere.toml does not exist"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_goes_to_standard_error_and_names_the_remedy() {
    let home = Home::new("");
    let refusal = home.run(&["emit", "user.note"]).refused();
    assert!(refusal.contains("no API key") && refusal.contains("--api-key"), "{refusal}");

    let server = home.start().await;
    let wrong = home.cli(&server, &["--api-key", "ek_wrong", "timeline"]).refused();
    assert!(wrong.contains("this API key is not known"), "{wrong}");
    let refusal = home.cli(&server, &["emit", "Signup"]).refused();
    assert!(refusal.contains("event_type is refused"), "{refusal}");
    let refusal = home.cli(&server, &["emit", "user.note", "n"]).refused();
    assert!(refusal.contains("name=value"), "{refusal}");
    let refusal = home.cli(&server, &["emit", "user.note", "{\"n\": "]).refused();
    assert!(refusal.contains("not valid JSON"), "{refusal}");
    let refusal = home.cli(&server, &["timeline", "0198c5f1-7a3e-7c52-9d6e-0a1b2c3d4e5f"]).refused();
    assert!(refusal.contains("there is no event"), "{refusal}");
    let refusal = home.cli(&server, &["deliveries", "--state", "lost"]).refused();
    assert!(refusal.contains("pending, leased, succeeded, dead, dropped"), "{refusal}");
    let refusal = home.cli(&server, &["no-such-command"]).refused();
    assert!(refusal.contains("--help"), "{refusal}");
    let refusal = home.cli(&server, &["--url", "nowhere", "timeline"]).refused();
    assert!(refusal.contains("--url"), "{refusal}");

    let url = server.api().url().to_owned();
    server.stop().await;
    let refusal = home.run(&["--url", &url, "timeline"]).refused();
    assert!(refusal.contains("no server answers") && refusal.contains("events-server serve"), "{refusal}");
    assert!(!refusal.contains(home.admin_key().trim()), "{refusal}");
}

#[test]
fn the_demo_tells_its_story_and_ends() {
    let home = Home::new("");
    let story = home.run(&["demo", "--once"]).ok();
    assert!(story.contains("New signup: alice@example.com"), "{story}");
    assert!(story.contains("succeeded after 1 attempt(s)"), "{story}");
    assert!(!home.data_dir().exists(), "it works on throwaway data");
}
