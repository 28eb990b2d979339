//! "Where am I signed in".

use torii_testkit::world::PASSWORD;

use crate::app::{App, EMAIL, credentials, keys, token_of};

#[tokio::test]
async fn a_user_sees_where_they_are_signed_in() {
    let app = App::single().await;
    let (_, session) = app.signed_in().await;
    let phone = app.ask("POST", "/auth/login").header("user-agent", "Phone").at_address("192.0.2.1");
    let phone = phone.json(&credentials()).send().await.ok();
    let list = app.ask("GET", "/auth/sessions").cookie(&phone.cookie()).send().await.ok();
    let sessions = list.json()["sessions"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2);
    let expected = ["created_at", "current", "expires_at", "id", "ip_address", "updated_at", "user_agent"];
    assert_eq!(keys(&sessions[0]), expected);
    let current: Vec<_> = sessions.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!((&current[0]["user_agent"], &current[0]["ip_address"]), (&"Phone".into(), &"192.0.2.1".into()));
    // Nothing that gets anybody in.
    for secret in [token_of(&session), session.token_hash.clone(), session.token_hash[..32].to_owned()] {
        assert!(!list.text.contains(&secret), "{}", list.text);
    }
    for session in &sessions {
        let id = session["id"].as_str().unwrap();
        app.ask("GET", "/auth/user").bearer(id).send().await.refused(401, "Unauthorized");
    }
}

#[tokio::test]
async fn a_user_signs_out_everywhere_else() {
    let app = App::single().await;
    let (user, session) = app.signed_in().await;
    let other = token_of(&app.world.sign_in(EMAIL).await.1);
    let own = format!("session_id={}", token_of(&session));
    let answer = app.ask("DELETE", "/auth/sessions").cookie(&own).send().await.ok();
    assert_eq!(keys(&answer.json()), ["session", "user"]);
    app.ask("GET", "/auth/user").bearer(&other).send().await.refused(401, "Unauthorized");
    // The token that asked is replaced.
    app.ask("GET", "/auth/user").cookie(&own).send().await.refused(401, "Unauthorized");
    app.ask("GET", "/auth/user").cookie(&answer.cookie()).send().await.ok();
    assert_eq!(app.here().list_user_sessions(&user.id).await.unwrap().len(), 1);
    // Who came without a cookie gets none.
    let token = answer.json()["session"]["token"].as_str().unwrap().to_owned();
    let answer = app.ask("DELETE", "/auth/sessions").bearer(&token).send().await.ok();
    assert_eq!(answer.set_cookies(), [""; 0]);
}

#[tokio::test]
async fn a_user_ends_one_session_of_the_list() {
    let app = App::tenants().await;
    let (_, session) = app.signed_in().await;
    let (own, other) = (app.login(PASSWORD).await.ok().cookie(), token_of(&session));
    let ids = |list: serde_json::Value, current: bool| {
        let list = list["sessions"].as_array().unwrap().clone();
        let ids = list.into_iter().filter(|session| session["current"] == current);
        ids.map(|session| session["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let list = app.ask("GET", "/auth/sessions").cookie(&own).send().await.ok().json();
    let [that] = &ids(list.clone(), false)[..] else { panic!("{list}") };
    let path = format!("/auth/sessions/{that}");

    app.world.register("jim@example.com").await;
    let stranger = token_of(&app.world.sign_in("jim@example.com").await.1);
    app.ask("DELETE", &path).bearer(&stranger).send().await.refused(404, "Session not found");
    app.ask("DELETE", &path).send().await.refused(401, "Unauthorized");
    for unknown in [session.token_hash.as_str(), "0", "%FF"] {
        let path = format!("/auth/sessions/{unknown}");
        app.ask("DELETE", &path).cookie(&own).send().await.refused(404, "Session not found");
    }
    app.ask("GET", "/auth/user").bearer(&other).send().await.ok();

    let answer = app.ask("DELETE", &path).cookie(&own).send().await.ok();
    assert_eq!(answer.set_cookies(), [""; 0]);
    app.ask("GET", "/auth/user").bearer(&other).send().await.refused(401, "Unauthorized");
    app.ask("DELETE", &path).cookie(&own).send().await.refused(404, "Session not found");

    // The browser forgets a session of its own that it ends.
    let list = app.ask("GET", "/auth/sessions").cookie(&own).send().await.ok().json();
    let path = format!("/auth/sessions/{}", ids(list, true)[0]);
    let answer = app.ask("DELETE", &path).cookie(&own).send().await.ok();
    assert!(answer.set_cookies()[0].contains("Max-Age=0"), "{:?}", answer.set_cookies());
    app.ask("GET", "/auth/user").cookie(&own).send().await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn signed_tokens_that_cannot_be_ended_are_not_said_to_be() {
    let jwt = torii::JwtConfig::new_hs256(vec![7; 32]).unwrap();
    let app = App::tenants_with(|torii| torii.with_jwt_sessions(jwt), |settings| settings).await;
    app.world.register(EMAIL).await;
    let cookie = app.login(PASSWORD).await.ok().cookie();
    let list = app.ask("GET", "/auth/sessions").cookie(&cookie).send().await.ok().json();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(list["sessions"][0]["current"], true);
    let answer = app.ask("DELETE", "/auth/sessions").cookie(&cookie).send().await;
    answer.refused(501, "ending sessions that are signed tokens");
    let path = format!("/auth/sessions/{}", list["sessions"][0]["id"].as_str().unwrap());
    let answer = app.ask("DELETE", &path).cookie(&cookie).send().await;
    answer.refused(501, "ending sessions that are signed tokens");
}
