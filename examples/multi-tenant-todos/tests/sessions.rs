//! Where somebody is signed in.

mod support;

use axum::http::StatusCode;
use support::{ACME, GLOBEX, PASSWORD, TestApp};

#[tokio::test]
async fn a_session_is_ended_from_the_list() {
    let app = TestApp::start().await;
    let mut laptop = app.member(ACME, "john@example.com").await;
    let mut phone = app.client();
    phone.sign_in(ACME, "john@example.com", PASSWORD).await.is_sent_to("/t/acme");

    let sessions = format!("{ACME}/sessions");
    let page = laptop.get(&sessions).await;
    assert!(page.text.contains("Firefox on Linux") && page.text.matches("this one").count() == 1);
    let own = laptop.session("localhost", "acme").unwrap();
    let ids = page.hidden("id");
    assert!(ids.len() == 2 && !page.text.contains(&own));
    let rows: Vec<&str> = page.text.split("<li>").filter(|row| row.contains(r#"name="id""#)).collect();
    let other = rows.iter().position(|row| !row.contains("this one")).unwrap();

    laptop.post(&format!("{sessions}/end"), &[("id", &ids[other])]).await.is_sent_to("/t/acme/sessions");
    phone.get(ACME).await.is_sent_to("/t/acme/sign-in");
    assert_eq!(laptop.get(&sessions).await.hidden("id").len(), 1);

    // Ending the own one signs out.
    laptop.post(&format!("{sessions}/end"), &[("id", &ids[1 - other])]).await.is_sent_to("/t/acme/sign-in");
    assert!(laptop.session("localhost", "acme").is_none());
}

#[tokio::test]
async fn sessions_of_others_cannot_be_ended() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    let mut jane = app.member(ACME, "jane@example.com").await;
    let mut namesake = app.member(GLOBEX, "john@example.com").await;
    let id = john.get(&format!("{ACME}/sessions")).await.hidden("id").remove(0);
    for (client, base) in [(&mut jane, ACME), (&mut namesake, GLOBEX)] {
        let end = format!("{base}/sessions/end");
        assert_eq!(client.post(&end, &[("id", &id)]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(client.post(&end, &[("id", "no id")]).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(john.get(ACME).await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_everywhere_else_keeps_only_this_browser() {
    let app = TestApp::start().await;
    let mut laptop = app.member(ACME, "john@example.com").await;
    let mut phone = app.client();
    phone.sign_in(ACME, "john@example.com", PASSWORD).await.is_sent_to("/t/acme");
    let before = laptop.session("localhost", "acme");
    laptop.post(&format!("{ACME}/sessions/end-others"), &[]).await.is_sent_to("/t/acme/sessions");

    assert_ne!(laptop.session("localhost", "acme"), before);
    assert_eq!(laptop.get(&format!("{ACME}/sessions")).await.hidden("id").len(), 1);
    phone.get(ACME).await.is_sent_to("/t/acme/sign-in");
}

#[tokio::test]
async fn every_sign_in_is_a_new_session_and_ends_the_one_before() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    let mut old = john.clone();
    john.sign_in(ACME, "john@example.com", PASSWORD).await.is_sent_to("/t/acme");
    assert_ne!(john.session("localhost", "acme"), old.session("localhost", "acme"));
    old.get(ACME).await.is_sent_to("/t/acme/sign-in");
    assert_eq!(john.get(&format!("{ACME}/sessions")).await.hidden("id").len(), 1);
}

#[tokio::test]
async fn signing_out_ends_the_session_itself() {
    let app = TestApp::start().await;
    let mut john = app.member(ACME, "john@example.com").await;
    let mut copy = john.clone();
    john.post(&format!("{ACME}/sign-out"), &[]).await.is_sent_to("/t/acme/sign-in");
    assert!(john.session("localhost", "acme").is_none());
    copy.get(ACME).await.is_sent_to("/t/acme/sign-in");
    // Not by a link: a picture on some page could be one.
    assert_eq!(john.get(&format!("{ACME}/sign-out")).await.status, StatusCode::METHOD_NOT_ALLOWED);
}
