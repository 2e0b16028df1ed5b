//! A full disk: publishing is refused and says so, reading works, and it goes on when there is space.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use events_tests::{Home, PATIENCE, Receiver, Server, binary, numbered};
use serde_json::Value;

/// How a process gets a mount table of its own: as any user, or as root where that is forbidden.
const NAMESPACES: [&str; 2] = ["-Urm", "-m"];
/// A small file system as the data directory, half of it taken by a file that can be removed.
const MOUNT: &str = "mount -t tmpfs -o size=4m tmpfs events-data && head -c 2000000 /dev/zero > events-data/filler";
/// Payload of a large event, in bytes.
const LARGE: usize = 100_000;

/// Options of `unshare` that work here.
fn namespace() -> Option<&'static str> {
    let home = Home::new("");
    std::fs::create_dir(home.data_dir()).unwrap();
    NAMESPACES.into_iter().find(|options| {
        let mut command = home.through("unshare", &[options, "sh", "-c", MOUNT]);
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

/// A path as the process sees it.
fn seen_by(server: &Server, path: &Path) -> PathBuf {
    Path::new("/proc").join(server.pid().to_string()).join("root").join(path.strip_prefix("/").unwrap())
}

fn large(number: u64) -> Value {
    let mut event = numbered(0, number);
    event["payload"]["filler"] = "x".repeat(LARGE).into();
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_events_and_keeps_the_old_ones() {
    let Some(options) = namespace() else {
        let must_run = std::env::var_os("CI").is_some_and(|ci| ci == "true") && is_root();
        assert!(!must_run, "root can mount a small file system, but mounting failed");
        println!("skipped: no small file system can be mounted here");
        return;
    };
    let receiver = Receiver::start().await;
    let home = Home::new(&receiver.slack(1));
    std::fs::create_dir(home.data_dir()).unwrap();
    let serve = format!("{MOUNT} && exec \"$0\" serve");
    let command = home.through("unshare", &[options, "sh", "-c", &serve, binary().to_str().unwrap()]);
    let mut server = Server::spawn(command, home.log()).await;
    let data = seen_by(&server, &home.data_dir());
    server.use_key(std::fs::read_to_string(data.join("admin.key")).unwrap());
    let api = server.api();

    let mut acknowledged = Vec::new();
    let refusal = loop {
        let number = u64::try_from(acknowledged.len()).unwrap();
        let answer = api.try_publish(&large(number)).await.unwrap();
        match answer.status {
            201 => acknowledged.push(answer.body["event_id"].as_str().unwrap().to_owned()),
            _ => break answer,
        }
        assert!(number < 100, "the disk is never full");
    };
    assert!([503, 507].contains(&refusal.status), "{refusal:?}");
    assert_eq!(refusal.content_type, "application/problem+json");
    assert!(refusal.body["detail"].as_str().unwrap().contains("space"), "{refusal:?}");
    assert!(acknowledged.len() > 3, "there was space for some");

    // Reading works, and shows what was acknowledged and nothing else.
    let count = acknowledged.len();
    let stored: Vec<_> =
        api.events().await.iter().map(|event| event["event_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(stored, acknowledged);
    for id in &acknowledged {
        let event = api.get(&format!("/api/v1/events/{id}")).await;
        assert_eq!(event["payload"]["filler"].as_str().unwrap().len(), LARGE);
    }
    let refused_still = api.try_publish(&large(u64::try_from(count).unwrap())).await.unwrap().status;
    assert_eq!(refused_still, refusal.status, "trying again does not help");

    std::fs::remove_file(data.join("filler")).unwrap();
    let number = u64::try_from(count).unwrap();
    api.publish(&large(number)).await;
    api.all_processed(PATIENCE).await;
    let told = receiver.ledger().accepted();
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), (0..=number).collect::<Vec<_>>(), "all were told");
    assert_eq!(api.deliveries("succeeded").await.len(), count + 1);
    println!(
        "{count} large events fit, the next was refused with {}; 0 lost, 1 more after space returned",
        refusal.status
    );
    server.stop().await;
}
