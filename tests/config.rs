//! What somebody who configures Tradewind sees.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tradewind::config::shop::ShopFiles;
use tradewind::config::{
    Config, Flag, Loaded, Mistake, Mistakes, Origin, Sources, all_settings, commented_file,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/tradewind.toml");

fn from_file(text: &str) -> Sources {
    Sources { file: Some((PathBuf::from("t.toml"), text.to_owned())), ..Sources::default() }
}

fn resolve(sources: &Sources) -> Result<Loaded, Mistakes> {
    Config::resolve(sources)
}

fn lines(mistakes: &Mistakes) -> Vec<String> {
    mistakes.iter().map(Mistake::to_string).collect()
}

#[test]
fn the_file_in_the_repository_is_what_the_table_of_settings_says() {
    let file = std::fs::read_to_string(FILE).expect("config/tradewind.toml is in the repository");

    assert!(
        file == commented_file(),
        "write it anew: cargo run -- config print --commented > config/tradewind.toml"
    );
}

#[test]
fn the_file_with_every_value_switched_on_gives_the_defaults() {
    let file = commented_file();
    let switched_on: String = file
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(value) if !value.starts_with(' ') => format!("{value}\n"),
            _ => format!("{line}\n"),
        })
        .collect();

    let loaded = resolve(&from_file(&switched_on)).expect("no mistakes");

    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.origins.len(), all_settings().count(), "every setting is in the file");
}

/// What one address, one shop and one connection may use.
fn limits_of(config: &Config) -> Vec<usize> {
    let Config { gateway, admission, .. } = config;
    vec![
        gateway.address_connections_max.others.get(),
        gateway.address_handshakes_per_s.others.get(),
        gateway.address_handshakes_burst.others.get(),
        gateway.address_messages_per_s.others.get(),
        gateway.messages_per_s.get(),
        gateway.messages_burst.get(),
        admission.shop_messages_per_s.get(),
        admission.shop_handshakes_per_s.get(),
        admission.shop_sign_ins_waiting_max.get(),
        admission.address_sign_ins_waiting_max.others.get(),
        (admission.shop_connections_share * 100.0) as usize,
    ]
}

#[test]
fn the_load_profile_raises_limits_and_leaves_every_check_on() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/load.toml");
    let text = std::fs::read_to_string(path).expect("config/load.toml is in the repository");
    let profile = resolve(&from_file(&text)).expect("no mistakes").config;
    let usual = Config::default();

    let mut same = profile.clone();
    (same.gateway, same.admission) = (usual.gateway.clone(), usual.admission.clone());
    assert_eq!(same, usual, "it is about limits only");
    let (more, less) = (limits_of(&profile), limits_of(&usual));
    assert!(more.iter().zip(less).all(|(more, less)| *more >= less), "{more:?}");
    let gateway = &profile.gateway;
    let counted = [
        gateway.address_connections_max,
        gateway.address_handshakes_per_s,
        gateway.address_handshakes_burst,
        gateway.address_messages_per_s,
        profile.admission.address_sign_ins_waiting_max,
    ];
    assert!(counted.iter().all(|limit| limit.loopback.is_some()), "loopback is counted");
}

#[test]
fn every_setting_has_a_default_in_its_range_a_reason_and_a_name_of_its_own() {
    let config = resolve(&Sources::default()).expect("the defaults fit together").config;

    assert_eq!(config, Config::default());
    let names: BTreeSet<_> = all_settings().map(|setting| setting.env_name()).collect();
    assert_eq!(names.len(), all_settings().count());
    for setting in all_settings() {
        assert!(setting.doc.concat().trim().len() > 10, "{} has no reason", setting.key);
        // The ends of the range are accepted on their own; only checks between settings may fail.
        for text in [setting.default].into_iter().chain(setting.range.map(|(min, _)| min)) {
            let value = setting.in_file(text);
            let text = match setting.key.rsplit_once('.') {
                Some((section, field)) => format!("[{section}]\n{field} = {value}\n"),
                None => format!("{} = {value}\n", setting.key),
            };
            if let Err(mistakes) = resolve(&from_file(&text)) {
                let fits = |it: &Mistake| matches!(it, Mistake::Relation { .. });
                assert!(mistakes.iter().all(fits), "{}: {mistakes}", setting.key);
            }
        }
    }
}

#[test]
fn what_is_in_force_reads_back_the_same() {
    let sources = from_file("[timers]\noffer = \"2s\"\n[journal]\ndurability = \"memory\"\n");
    let loaded = resolve(&sources).expect("no mistakes");

    for with_origin in [false, true] {
        let again = resolve(&from_file(&loaded.to_toml(with_origin))).expect("no mistakes");
        assert_eq!(again.config, loaded.config);
    }
    let json = loaded.to_json();
    assert_eq!(json["timers.offer"]["value"], "2s");
    assert_eq!(json["timers.offer"]["origin"], "t.toml:2");
    assert_eq!(json["gateway.messages_burst"]["value"], 20);
}

#[test]
fn flags_go_over_the_environment_over_the_file_over_defaults() {
    let file = "[timers]\noffer = \"2s\"\nheartbeat = \"3s\"\nseat_grace = \"4s\"\n";
    let variable = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let sources = Sources {
        flags: vec![Flag { name: "--set".into(), key: "timers.offer".into(), text: "5s".into() }],
        env: vec![
            variable("TRADEWIND_TIMERS_OFFER", "6s"),
            variable("TRADEWIND_TIMERS_HEARTBEAT", "7s"),
            variable("PATH", "/bin"),
        ],
        ..from_file(file)
    };

    let loaded = resolve(&sources).expect("no mistakes");

    assert_eq!(loaded.config.timers.offer, Duration::from_secs(5));
    assert_eq!(loaded.config.timers.heartbeat, Duration::from_secs(7));
    assert_eq!(loaded.config.timers.seat_grace, Duration::from_secs(4));
    assert_eq!(loaded.config.timers.handshake, Duration::from_secs(5));
    assert_eq!(*loaded.origin("timers.offer"), Origin::Flag("--set".into()));
    assert_eq!(
        *loaded.origin("timers.heartbeat"),
        Origin::Env("TRADEWIND_TIMERS_HEARTBEAT".into())
    );
    assert_eq!(
        *loaded.origin("timers.seat_grace"),
        Origin::File { path: "t.toml".into(), line: 4 }
    );
    assert_eq!(*loaded.origin("timers.handshake"), Origin::Default);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_what_is_accepted() {
    let file = "\
        data = 5\n\
        [gateway]\n\
        frame_byte_max = \"64KiB\"\n\
        text_bytes_max = \"16\"\n\
        connections_max = 0\n\
        messages_burst = \"20\"\n\
        [journal]\n\
        durability = \"fast\"\n\
        offer = \"6s\"\n\
        [zebra]\n\
        stripes = 3\n\
        [timers]\n\
        customer_silence_ask = \"20min\"\n";
    let sources = Sources {
        flags: vec![Flag {
            name: "--listen".into(),
            key: "server.listen".into(),
            text: "8080".into(),
        }],
        env: vec![("TRADEWIND_SERVER_LISTN".into(), "127.0.0.1:1".into())],
        ..from_file(file)
    };

    let mistakes = resolve(&sources).expect_err("mistakes");

    assert_eq!(
        lines(&mistakes),
        [
            "environment TRADEWIND_SERVER_LISTN: `TRADEWIND_SERVER_LISTN` is not a setting; the \
             nearest is `TRADEWIND_SERVER_LISTEN`",
            "t.toml:3: `gateway.frame_byte_max` is not a setting; the nearest is \
             `gateway.frame_bytes_max`",
            "t.toml:9: `journal.offer` is not a setting; the nearest is `timers.offer`",
            "t.toml:10: `zebra` is not a setting; `tradewind config print` lists all of them",
            "t.toml:1: `data` is 5; expected the path of a folder",
            "flag --listen: `server.listen` is \"8080\"; expected an IP address and port such as \
             \"127.0.0.1:8080\"",
            "t.toml:5: `gateway.connections_max` is 0; expected a whole number, from 1 to 1_000_000",
            "t.toml:4: `gateway.text_bytes_max` is \"16\"; expected a size in B, KiB, MiB or GiB, \
             such as \"64KiB\", from 64B to 512KiB",
            "t.toml:6: `gateway.messages_burst` is \"20\"; expected a whole number, from 1 to \
             1_000_000",
            "t.toml:8: `journal.durability` is \"fast\"; expected \"durable\" or \"memory\"",
            "default: `timers.customer_silence_close` (\"15min\") must be longer: the customer is \
             asked before the conversation closes; `timers.customer_silence_ask` is \"20min\" \
             (t.toml:13)",
        ]
    );
}

#[test]
fn a_line_that_is_no_toml_does_not_hide_the_other_mistakes() {
    let mistakes =
        resolve(&from_file("[timers]\noffer = \n[log]\nlevel = \"loud\"\n")).expect_err("mistakes");

    let lines = lines(&mistakes);
    assert!(lines.iter().any(|line| line.starts_with("t.toml:2: ")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("`log.level` is \"loud\"")), "{lines:?}");
}

#[test]
fn a_wrong_value_is_told_even_when_a_stronger_source_covers_it() {
    let mut sources = from_file("[timers]\noffer = \"6 weeks\"\n");
    sources.env.push(("TRADEWIND_TIMERS_OFFER".into(), "6s".into()));

    let mistakes = resolve(&sources).expect_err("a mistake");

    assert!(lines(&mistakes)[0].starts_with("t.toml:2: `timers.offer` is \"6 weeks\""));
}

#[test]
fn variables_of_other_tools_are_told_but_keep_nothing_from_starting() {
    let others = ["TRADEWIND_PORT", "TRADEWIND_SERVICE_HOST", "TRADEWIND_BIN"];
    let meant =
        ["TRADEWIND_LISTEN", "TRADEWIND_TIMERS_OFER", "TRADEWIND_LOG_COLOUR", "TRADEWIND_SHOP"];
    let sources = |names: &[&str]| Sources {
        env: names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect(),
        ..Sources::default()
    };

    let loaded = resolve(&sources(&others)).expect("no mistakes");
    let mistakes = resolve(&sources(&meant)).expect_err("mistakes");

    assert_eq!(loaded.ignored, others);
    assert_eq!(mistakes.iter().count(), meant.len(), "{mistakes}");
}

#[test]
fn of_two_flags_for_one_setting_the_last_counts() {
    let flag =
        |text: &str| Flag { name: "--set".into(), key: "timers.offer".into(), text: text.into() };
    let sources = Sources { flags: vec![flag("2s"), flag("3s")], ..Sources::default() };

    let loaded = resolve(&sources).expect("no mistakes");

    assert_eq!(loaded.config.timers.offer, Duration::from_secs(3));
}

#[test]
fn the_demo_shop_is_refused_on_an_address_that_others_can_reach() {
    for key in ["listen", "admin_listen"] {
        for address in ["0.0.0.0:9000", "[::]:9000", "192.0.2.1:9000"] {
            let open = format!("[server]\n{key} = \"{address}\"\n");

            let mistakes = resolve(&from_file(&open)).expect_err("the demo shop stays at home");

            let text = mistakes.to_string();
            assert!(text.contains("`shops`") && text.contains("passwords are public"), "{text}");
            let with_shops = format!("shops = \"my-shops\"\n{open}");
            let loaded = resolve(&from_file(&with_shops)).expect("own shops may be served");
            assert!(!loaded.config.demo_shop_allowed());
        }
    }
    for address in ["127.0.0.1:9000", "127.8.8.8:9000", "[::1]:9000", "[::ffff:127.0.0.1]:9000"] {
        let loaded = resolve(&from_file(&format!("[server]\nlisten = \"{address}\"\n")));
        assert!(loaded.expect("loopback").config.demo_shop_allowed(), "{address}");
    }
}

#[test]
fn a_file_that_is_named_and_missing_is_a_mistake_among_the_others() {
    let flags = vec![Flag { name: "--set".into(), key: "timer.offer".into(), text: "1s".into() }];

    let mistakes = Config::load(Some("does/not/exist.toml".as_ref()), flags).expect_err("mistakes");

    let lines = lines(&mistakes);
    assert!(lines[0].starts_with("does/not/exist.toml: cannot be read"), "{lines:?}");
    assert!(lines[1].contains("the nearest is `timers.offer`"), "{lines:?}");
}

/// What the program says to `arguments`: exit code and everything it wrote.
fn tradewind(arguments: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_tradewind"))
        .args(arguments.split(' '))
        .current_dir(folder.path())
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn a_file_that_never_ends_is_a_mistake_and_not_a_full_memory() {
    let mistakes = Config::load(Some("/dev/zero".as_ref()), Vec::new()).expect_err("a mistake");

    assert_eq!(lines(&mistakes), ["/dev/zero: cannot be read: larger than 1 MiB"]);
}

#[test]
fn the_exit_code_tells_success_wrong_settings_and_a_failed_check_apart() {
    for (arguments, code, word) in [
        ("--help", 0, "Examples:"),
        ("config check", 0, "right: "),
        ("config print --origin", 0, "# default"),
        ("--listn 127.0.0.1:1", 2, "--listen"),
        ("config print --set timers.offer=soon", 2, "1 mistake"),
        ("config print --set timers.offer", 2, "KEY=VALUE"),
        ("config check --set timers.offer=soon", 3, "1 wrong"),
        ("config check --shops nowhere", 3, "nowhere"),
        ("serve --listen 0.0.0.0:1", 2, "passwords are public"),
        ("doctor --set timers.offer=soon", 3, "wrong  settings"),
    ] {
        let (exit, text) = tradewind(arguments);
        assert_eq!(exit, Some(code), "{arguments}: {text}");
        assert!(text.contains(word), "{arguments}: {text}");
    }
}

#[test]
fn a_demo_shop_of_a_folder_that_others_could_reach_is_told_by_the_checks_and_not_served() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, text) in &ShopFiles::demo().0 {
        let path = folder.path().join("cafe").join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let shops = folder.path().display();
    let open = "--listen 0.0.0.0:0 --admin-listen 127.0.0.1:0";

    for (command, code) in [("config check", 3), ("doctor", 3), ("serve", 1)] {
        let (exit, text) = tradewind(&format!("{command} {open} --shops {shops}"));
        assert_eq!(exit, Some(code), "{command}: {text}");
        assert!(text.contains("cafe/shop.toml: demo: is true"), "{command}: {text}");
        assert!(text.contains("loopback addresses"), "{command}: {text}");
    }
    let (exit, text) = tradewind(&format!("config check --shops {shops}"));
    assert_eq!(exit, Some(0), "{text}");
}
