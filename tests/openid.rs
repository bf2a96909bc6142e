//! Seats that sign in at a provider of identities, over real sockets, and everything that a provider or
//! somebody in between could do wrong. The way through the pages of a provider that others have made is
//! in tests/browser/openid.test.mjs.

#[path = "openid/log.rs"]
mod log;
#[path = "openid/provider.rs"]
mod provider;
#[path = "router/mod.rs"]
mod router;
#[path = "openid/world.rs"]
mod world;

use std::time::{Duration, Instant};

use provider::{Key, ok, unsigned, with_status};
use router::{Router, config, post};
use serde_json::{Value, json};
use tradewind::openid::SHOP_CALLS_MAX;
use world::{Begun, CLOSED_WITHIN, PAGES, SECRET, SETTINGS, World, believing_its_root, exchange};

type ChangeClaims = fn(&mut Value);
type ChangeShop = fn(&str) -> String;

#[test]
fn a_seat_signs_in_by_its_subject_and_gets_a_token_for_its_socket() {
    let world = World::new();
    let begun = world.begin();
    for part in [
        "response_type=code",
        "client_id=tradewind",
        "redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fv1%2Fopenid%2Fcafe%2Fcallback&",
        "scope=openid%20email&",
        "code_challenge_method=S256",
    ] {
        assert!(begun.query.contains(part), "{part}: {}", begun.query);
    }
    let claims = world.provider.claims("u-lucia", &begun.nonce);
    world.provider.gives(&world.key.sign(&claims));

    let answer = world.come_back(&begun);

    assert_eq!(answer.location(), "/seat?shop=cafe&sign_in=done");
    for cookie in answer.head.lines().filter(|line| line.starts_with("set-cookie: ")) {
        assert!(cookie.contains("; HttpOnly; SameSite="), "{cookie}");
    }
    assert!(answer.head.contains("SameSite=Strict") && answer.head.contains("no-store"));
    let (status, granted) = world.token(&answer.cookies()[1]);
    assert_eq!((status, &granted["seat"]), (201, &"lucia".into()), "{granted}");
    world.open(&answer.cookies()[1]);
    // The code went with what belongs to it, the secret in the head.
    let seen = world.provider.answers();
    let (_, form) = seen.seen.iter().find(|(line, _)| line.contains("/token")).expect("a call");
    let verifier = form.split("code_verifier=").nth(1).expect("a verifier");
    assert!(form.contains("grant_type=authorization_code&code=c-1&redirect_uri=http%3A"), "{form}");
    assert!(!form.contains(SECRET), "{form}");
    assert_ne!(verifier, begun.challenge);
    assert!(!begun.cookie.contains(verifier));
}

#[test]
fn an_address_is_believed_when_it_is_verified_and_when_the_seat_names_nothing_better() {
    let world = World::new();
    let address = |email: &str, verified: bool| {
        let (email, verified) = (json!(email), json!(verified));
        let answer = world.sign_in("u-somebody", |claims| {
            claims["email"] = email.clone();
            claims["email_verified"] = verified.clone();
            claims["groups"] = json!(["leads"]);
        });
        answer.outcome()
    };

    assert_eq!(address("Mai@Shop.Example", true), "done");
    assert_eq!(address("mai@shop.example", false), "unknown");
    assert_eq!(address("eve@shop.example", true), "unknown");
    // The seat names a subject, and this is another one.
    assert_eq!(address("wei@shop.example", true), "unknown");
}

#[test]
fn what_the_token_leaves_out_is_asked_for_and_believed_of_the_same_account_only() {
    let world = World::new();
    let told = |subject: &str| {
        let more = json!({"sub": subject, "email": "mai@shop.example", "email_verified": true});
        world.provider.answers().by_path.insert("/me", ok(&more));
        world.sign_in("u-somebody", |_| {}).outcome()
    };

    assert_eq!(told("u-somebody"), "done");
    assert_eq!(told("u-another"), "refused");
}

#[test]
fn a_supervisor_needs_the_group_of_the_role() {
    let world = World::new();

    let without = world.sign_in("u-wei", |claims| claims["groups"] = json!(["others"]));
    let cookie = world.session("u-wei", &["others", "leads"]);

    assert_eq!(without.outcome(), "unknown");
    assert_eq!(without.cookies().len(), 1, "no session");
    assert_eq!(world.token(&cookie).1["supervisor"], true);
}

#[test]
fn a_token_that_is_not_right_in_every_claim_signs_nobody_in() {
    let world = World::new();
    let wrong: [(&str, ChangeClaims); 9] = [
        ("issuer", |claims| claims["iss"] = "https://login.example".into()),
        ("audience", |claims| claims["aud"] = "another".into()),
        ("authorised party", |claims| claims["azp"] = "another".into()),
        ("nonce", |claims| claims["nonce"] = "another".into()),
        ("no nonce", |claims| claims["nonce"] = Value::Null),
        ("expired", |claims| claims["exp"] = 1_000.into()),
        ("from the future", |claims| claims["iat"] = 4_000_000_000_u64.into()),
        ("access token", |claims| claims["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ".into()),
        ("subject", |claims| claims["sub"] = "".into()),
    ];

    for (what, edit) in wrong {
        let answer = world.sign_in("u-lucia", edit);
        assert_eq!(answer.outcome(), "refused", "{what}");
        assert!(answer.cookies().iter().all(|it| it.ends_with('=')), "{what}");
    }
}

#[test]
fn a_token_without_a_signature_of_the_provider_signs_nobody_in() {
    let world = World::new();
    let signed = |make: &dyn Fn(&Value) -> String| {
        let begun = world.begin();
        let claims = world.provider.claims("u-lucia", &begun.nonce);
        world.provider.gives(&make(&claims));
        world.come_back(&begun).outcome()
    };
    let public = world.key.public();
    let shared = |claims: &Value| {
        let message = unsigned(&json!({"alg": "HS256", "kid": "first"}), claims);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &public);
        let tag = ring::hmac::sign(&key, message.as_bytes());
        use base64::Engine;
        let tag = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(tag.as_ref());
        format!("{message}.{tag}")
    };

    assert_eq!(signed(&|it| unsigned(&json!({"alg": "none"}), it) + "."), "refused");
    assert_eq!(signed(&shared), "refused");
    assert_eq!(signed(&|it| Key::new("first").sign(it)), "refused", "another key, the same name");
    assert_eq!(signed(&|_| "no token".to_owned()), "refused");
    assert_eq!(signed(&|it| world.key.sign(it)), "done");
}

#[test]
fn a_sign_in_comes_back_once_and_to_the_browser_in_which_it_began() {
    let world = World::new();
    let begun = world.begin();
    let claims = world.provider.claims("u-lucia", &begun.nonce);
    world.provider.gives(&world.key.sign(&claims));
    let other = world.begin();
    let of_tea = world.begin_at("/v1/openid/tea/start");
    let late = |begun: &Begun| assert_eq!(world.come_back(begun).outcome(), "late");

    // Somebody else's browser: its cookie, none, and that of another shop.
    late(&Begun { cookie: other.cookie.clone(), ..begun.clone() });
    late(&Begun { cookie: "a=b".to_owned(), ..begun.clone() });
    let renamed = of_tea.cookie.replace("sign-in-tea", "sign-in-cafe");
    late(&Begun { cookie: renamed, state: of_tea.state.clone(), ..begun.clone() });
    late(&Begun { state: "x".to_owned(), ..begun.clone() });
    assert_eq!(world.provider.asked("/token"), 0, "no code was shown to the provider");

    assert_eq!(world.come_back(&begun).outcome(), "done");
    late(&begun);
    assert_eq!(world.provider.asked("/token"), 1);
}

#[test]
fn a_code_that_the_provider_has_seen_before_signs_nobody_in() {
    let world = World::new();
    let used = with_status("400 Bad Request", r#"{"error":"invalid_grant"}"#);
    world.provider.answers().by_path.insert("/token", used);

    assert_eq!(world.come_back(&world.begin()).outcome(), "refused");
}

#[test]
fn who_says_no_at_the_provider_is_told_so_and_no_address_of_a_stranger_is_followed() {
    let world = World::new();
    let begun = world.begin_at("/v1/openid/cafe/start?page=supervisor");
    let cookie = format!("Cookie: {}\r\n", begun.cookie);
    let path = format!("/v1/openid/cafe/callback?error=access_denied&state={}", begun.state);

    let denied = world.get(&path, &cookie);

    assert_eq!(denied.location(), "/supervisor?shop=cafe&sign_in=refused");
    for page in ["https://evil.example", "//evil.example", "seat%0d%0aLocation:%20x", "seat&page=x"]
    {
        let begun = world.begin_at(&format!("/v1/openid/cafe/start?page={page}"));
        let path = format!("/v1/openid/cafe/callback?error=x&state={}", begun.state);
        let answer = world.get(&path, &format!("Cookie: {}\r\n", begun.cookie));
        assert_eq!(answer.location(), "/seat?shop=cafe&sign_in=refused", "{page}");
    }
    for path in ["/v1/openid/none/start", "/v1/openid/demo/callback?code=a&state=b"] {
        assert_eq!(world.get(path, "").status, 404, "{path}");
    }
}

#[test]
fn the_code_of_another_provider_is_not_shown_to_this_one() {
    let world = World::new();
    let begun = world.begin();
    let cookie = format!("Cookie: {}\r\n", begun.cookie);
    let state = &begun.state;

    let path =
        format!("/v1/openid/cafe/callback?code=c&state={state}&iss=https%3A%2F%2Fevil.example");
    assert_eq!(world.get(&path, &cookie).outcome(), "refused");

    assert_eq!(world.provider.asked("/token"), 0);
}

#[test]
fn a_new_key_of_the_provider_is_found_at_once_and_a_flood_of_forged_ones_costs_one_look() {
    let mut world = World::new();
    world.session("u-lucia", &[]);
    assert_eq!(world.provider.asked("/keys"), 1);

    world.key = Key::new("second");
    world.provider.show_keys(&[&world.key]);
    world.session("u-lucia", &[]);
    assert_eq!(world.provider.asked("/keys"), 2);
    for round in 0..20 {
        let begun = world.begin();
        let claims = world.provider.claims("u-lucia", &begun.nonce);
        world.provider.gives(&Key::new(&format!("forged-{round}")).sign(&claims));
        assert_eq!(world.come_back(&begun).outcome(), "refused");
    }

    assert_eq!(world.provider.asked("/keys"), 2, "the next look is due in half a minute");
    world.session("u-lucia", &[]);
}

#[test]
fn a_provider_that_is_down_silent_or_odd_is_told_and_keeps_nobody_else_out() {
    let world = World::new();
    let discovery = "/.well-known/openid-configuration";
    let answer = |text: String| {
        world.provider.answers().by_path.insert(discovery, text);
        world.get("/v1/openid/cafe/start", "").outcome()
    };
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut document = world.provider.discovery();
        edit(&mut document);
        ok(&document)
    };

    assert_eq!(answer(with_status("500 Oops", "{}")), "unavailable");
    let moved = "302 Found\r\nLocation: http://127.0.0.1:1/";
    assert_eq!(answer(with_status(moved, "")), "unavailable");
    assert_eq!(answer(ok(&json!({"x": "y".repeat(300 * 1024)}))), "unavailable");
    assert_eq!(answer("no HTTP at all\r\n\r\n".to_owned()), "unavailable");
    assert_eq!(answer(with_status("200 OK", "no JSON")), "refused");
    assert_eq!(answer(edited(&|it| it["issuer"] = "http://127.0.0.1:1".into())), "refused");
    assert_eq!(answer(edited(&|it| it["jwks_uri"] = "http://evil.example/".into())), "refused");
    let plain = |it: &mut Value| it["code_challenge_methods_supported"] = json!(["plain"]);
    assert_eq!(answer(edited(&plain)), "refused");
    world.provider.answers().is_silent = true;
    let began = Instant::now();
    let silent = world.get("/v1/openid/cafe/start", "");
    assert_eq!(silent.outcome(), "unavailable");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Meanwhile a local account comes in as ever.
    world.router.seat("cafe", "mai");

    world.provider.answers().is_silent = false;
    answer_again(&world);
}

#[test]
fn a_shop_whose_provider_is_silent_fills_its_own_places_only() {
    let world = World::new();
    world.provider.answers().is_silent = true;
    let start = |shop: &str| {
        let began = Instant::now();
        let answer = world.get(&format!("/v1/openid/{shop}/start"), "");
        assert!(answer.location().ends_with("&sign_in=unavailable"), "{}", answer.head);
        began.elapsed()
    };
    // A provider has a second to answer: whoever is told sooner had no place to wait in.
    let has_waited = |took: &Duration| *took >= Duration::from_millis(900);

    let (of_cafe, of_tea) = std::thread::scope(|scope| {
        let many: Vec<_> = (0..3 * SHOP_CALLS_MAX).map(|_| scope.spawn(|| start("cafe"))).collect();
        let one = scope.spawn(|| start("tea"));
        let took = |it: std::thread::ScopedJoinHandle<'_, Duration>| it.join().expect("an answer");
        (many.into_iter().map(took).collect::<Vec<_>>(), took(one))
    });

    let waited = of_cafe.iter().filter(|took| has_waited(took)).count();
    assert!((1..of_cafe.len()).contains(&waited), "{of_cafe:?}");
    assert!(has_waited(&of_tea), "its places are free: {of_tea:?}");
}

/// What failed is not remembered.
fn answer_again(world: &World) {
    let document = ok(&world.provider.discovery());
    world.provider.answers().by_path.insert("/.well-known/openid-configuration", document);
    world.session("u-lucia", &[]);
}

#[test]
fn a_provider_with_a_certificate_is_asked_where_the_shop_believes_it_and_nowhere_else() {
    let world = World::behind_tls();

    world.open(&world.session("u-lucia", &[]));

    let of_tea = world.get("/v1/openid/tea/start", "");
    assert_eq!(of_tea.location(), "/seat?shop=tea&sign_in=unavailable");
    // The certificate is of another name.
    let issuer = world.provider.issuer();
    let another = issuer.replace("localhost", "127.0.0.1");
    world.reload_with(|text| believing_its_root(text).replace(&issuer, &another));
    assert_eq!(world.get("/v1/openid/cafe/start", "").outcome(), "unavailable");
}

#[test]
fn the_session_of_a_browser_serves_its_own_pages_and_its_own_shop_only() {
    let world = World::new();
    let cookie = world.session("u-lucia", &[]);
    let asked = |path: &str, cookie: &str, origin: &str| {
        let headers = format!("Cookie: {cookie}\r\n{origin}");
        exchange(world.router.address, "POST", path, &headers).status
    };
    let own = format!("Origin: {PAGES}\r\n");
    let path = "/v1/openid/cafe/session";

    assert_eq!(asked(path, &cookie, &own), 201);
    assert_eq!(asked(path, &cookie, ""), 403, "no page at all");
    assert_eq!(asked(path, &cookie, "Origin: http://localhost:9999\r\n"), 403);
    assert_eq!(asked(path, "a=b", &own), 401);
    assert_eq!(asked(path, &format!("{cookie}x"), &own), 401);
    let renamed = cookie.replace("seat-cafe", "seat-tea");
    assert_eq!(asked("/v1/openid/tea/session", &renamed, &own), 401);
    let mut socket = world.open(&cookie);
    let offer = world.get("/v1/openid/cafe", &format!("Cookie: {cookie}\r\n"));
    assert_eq!(offer.body, r#"{"label":"Shop account","signed_in":true}"#);
    assert_eq!(world.get("/v1/openid/none", "").body, r#"{"label":null,"signed_in":false}"#);
    let headers = format!("Cookie: {cookie}\r\n{own}");
    let out = exchange(world.router.address, "POST", "/v1/openid/cafe/sign-out", &headers);
    assert_eq!(out.cookies(), ["tradewind-seat-cafe="]);
    assert_eq!(asked(path, &cookie, &own), 401, "a copy of the cookie is worth nothing");
    assert_eq!(socket.close_code(), 4503);
    let end: Value = serde_json::from_str(&out.body).expect("JSON");
    let end = end["end_session"].as_str().expect("an address");
    let back = "post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A8080%2Fseat";
    assert_eq!(end, format!("{}/end?client_id=tradewind&{back}", world.provider.issuer()));
}

#[test]
fn what_a_sign_in_stands_on_takes_its_open_sockets_with_it() {
    let world = World::new();
    let groups = ["leads"];
    let taken: [(&str, ChangeShop); 5] = [
        ("the role", |text| text.replace("supervisor = true", "supervisor = false")),
        ("the subject", |text| text.replace("u-wei", "u-other")),
        ("the group", |text| text.replace("[\"leads\"]", "[\"chiefs\"]")),
        ("the provider", |text| text.replace("client_id = \"tradewind\"", "client_id = \"x\"")),
        ("the seat", |text| text.replace("id = \"wei\"", "id = \"way\"")),
    ];

    for (what, edit) in taken {
        let cookie = world.session("u-wei", &groups);
        let mut socket = world.open(&cookie);
        let began = Instant::now();
        world.reload_with(edit);
        assert_eq!(socket.close_code(), 4503, "{what}");
        assert!(began.elapsed() < CLOSED_WITHIN, "{what}: {:?}", began.elapsed());
        assert_eq!(world.token(&cookie).0, 401, "{what}: the session is over as well");
        world.reload_with(str::to_owned);
    }
    // What people only see, and a secret that is replaced, take nothing.
    let cookie = world.session("u-wei", &groups);
    let mut socket = world.open(&cookie);
    std::fs::write(world.folder.path().join("shops/cafe/client.secret"), "another")
        .expect("a file");
    world.reload_with(|text| text.replace("Shop account", "Another label"));
    socket.send(&json!({"type": "ping"}));
    socket.next("pong");
}

/// What the provider sends when `subject`, or one session of it, is signed out there.
fn logout(world: &World, edit: impl Fn(&mut Value)) -> u16 {
    let mut claims = world.provider.claims("u-lucia", "");
    claims.as_object_mut().expect("an object").remove("nonce");
    claims["events"] = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    claims["jti"] = "1".into();
    edit(&mut claims);
    send_logout(world, &world.key.sign(&claims))
}

fn send_logout(world: &World, token: &str) -> u16 {
    send_logout_to(world, "cafe", token)
}

fn send_logout_to(world: &World, shop: &str, token: &str) -> u16 {
    let body = format!("logout_token={token}");
    let text = format!(
        "POST /v1/openid/{shop}/logged-out HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    router::request(world.router.address, &text).0
}

#[test]
fn who_is_signed_out_at_the_provider_is_out_here_too_and_stays_so_over_a_restart() {
    let mut world = World::new();
    let with_session = |world: &World, sid: &str| {
        let answer = world.sign_in("u-lucia", |claims| claims["sid"] = sid.into());
        answer.cookies().remove(1)
    };
    let (phone, desk) = (with_session(&world, "s-1"), with_session(&world, "s-2"));
    let (mut on_phone, mut on_desk) = (world.open(&phone), world.open(&desk));
    let mut wei = world.open(&world.session("u-wei", &["leads"]));

    let began = Instant::now();
    assert_eq!(logout(&world, |claims| claims["sid"] = "s-1".into()), 200);
    assert_eq!(on_phone.close_code(), 4503);
    assert!(began.elapsed() < CLOSED_WITHIN, "{:?}", began.elapsed());
    assert_eq!((world.token(&phone).0, world.token(&desk).0), (401, 201));
    on_desk.send(&json!({"type": "ping"}));
    on_desk.next("pong");
    assert_eq!(logout(&world, |_| {}), 200);
    assert_eq!(on_desk.close_code(), 4503);
    wei.send(&json!({"type": "ping"}));
    wei.next("pong");

    world.router.stop();
    world.router = Router::start(config(world.folder.path(), SETTINGS)).expect("a router");
    assert_eq!((world.token(&phone).0, world.token(&desk).0), (401, 401));
    world.open(&world.session("u-lucia", &[]));
}

#[test]
fn what_a_provider_says_is_of_now_by_the_system_clock_after_that_was_set_back() {
    let mut world = World::new();
    world.start_anew_after_clock_went_back(Duration::from_secs(3600));

    let mut lucia = world.open(&world.session("u-lucia", &[]));

    assert_eq!(logout(&world, |_| {}), 200);
    assert_eq!(lucia.close_code(), 4503);
}

#[test]
fn a_logout_that_the_provider_did_not_sign_for_this_moment_and_client_ends_nothing() {
    let world = World::new();
    let cookie = world.session("u-lucia", &[]);
    let mut socket = world.open(&cookie);
    let wrong: [(&str, ChangeClaims); 8] = [
        ("issuer", |claims| claims["iss"] = "https://login.example".into()),
        ("audience", |claims| claims["aud"] = "another".into()),
        ("old", |claims| claims["iat"] = (claims["iat"].as_u64().expect("s") - 200).into()),
        ("over", |claims| claims["exp"] = 1_000.into()),
        ("no event", |claims| claims["events"] = json!({})),
        ("another event", |claims| claims["events"] = json!({"x": {}})),
        ("an ID token", |claims| claims["nonce"] = "n".into()),
        ("nobody", |claims| drop(claims.as_object_mut().expect("an object").remove("sub"))),
    ];

    for (what, edit) in wrong {
        assert_eq!(logout(&world, edit), 400, "{what}");
    }
    let claims = world.provider.claims("u-lucia", "n");
    for token in ["", "x", &world.key.sign(&claims), &Key::new("first").sign(&claims)] {
        assert_eq!(send_logout(&world, token), 400, "{token}");
    }
    assert_eq!(send_logout(&world, &"x".repeat(50_000)), 400);

    socket.send(&json!({"type": "ping"}));
    socket.next("pong");
    assert_eq!(world.token(&cookie).0, 201);
}

#[test]
fn forged_words_of_a_provider_are_all_counted_and_few_of_them_logged() {
    log::listen();
    let world = World::new();
    let forged = Key::new("first").sign(&world.provider.claims("u-lucia", "n"));

    for _ in 0..50 {
        assert_eq!(send_logout_to(&world, "tea", &forged), 400);
    }

    let counted = world.router.metric("tradewind_gateway_refused_total{reason=\"unauthorized\"}");
    assert_eq!(counted, 50.0);
    // No other test has words of a provider for this shop. They are six a minute.
    let lines = log::lines_with(&["shop=tea", "logged-out"]);
    assert!((1..=12).contains(&lines), "{lines} lines");
}

#[test]
fn a_local_password_goes_on_beside_the_provider_and_a_seat_without_one_has_none() {
    let world = World::new();
    world.router.seat("cafe", "mai");
    world.reload_with(|text| {
        let (before, after) = text.split_once("id = \"lucia\"\n").expect("the seat");
        let after = after.replacen("demo_password = \"demo\"\n", "", 1);
        format!("{before}id = \"lucia\"\n{after}")
    });

    for password in ["demo", "", "lucia"] {
        let asked = json!({"shop": "cafe", "user": "lucia", "password": password});
        assert_eq!(post(world.router.address, "/v1/seat/session", &asked).0, 401);
    }
    world.open(&world.session("u-lucia", &[]));
}
