//! The application in a real browser: headless Chromium.

mod driver;
mod support;

use driver::{Browser, Site, in_browser, serve};
use support::PASSWORD;
use thirtyfour::prelude::*;

const EMAIL: &str = "john@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_in_one_browser() {
    let site = serve().await;
    in_browser("two_tenants", |browser| async move {
        for (tenant, todo) in [("acme", "water the plants"), ("globex", "count the money")] {
            sign_up(&browser, &site, &site.by_host(tenant)).await?;
            browser.fill_in("What is there to do?", todo).await?;
            browser.press("Add").await?;
            browser.see("Added.").await?;
            browser.see(todo).await?;
        }

        // Both sessions are open, and each tenant shows its own.
        for (tenant, own, other) in [("acme", "water", "count"), ("globex", "count", "water")] {
            browser.open(&site.by_host(tenant)).await?;
            browser.see(own).await?;
            browser.sees_nothing_of(other).await?;
        }

        // The session of one, put where the other's is looked for, is nobody's: by host and by path.
        browser.open(&site.by_host("acme")).await?;
        let session = browser.chromium.get_named_cookie("session_id.acme").await?;
        for address in [site.by_host("globex"), site.by_path("globex")] {
            browser.open(&address).await?;
            browser.chromium.delete_all_cookies().await?;
            for name in ["session_id.globex", "session_id.acme"] {
                browser.chromium.add_cookie(Cookie::new(name, session.value.clone())).await?;
            }
            browser.open(&address).await?;
            browser.see("E-mail address").await?;
            assert!(browser.chromium.current_url().await?.path().ends_with("/sign-in"));
        }
        // Where it belongs it is still good.
        browser.open(&site.by_host("acme")).await?;
        browser.see("water the plants").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_magic_link_and_a_session_ended_from_the_list() {
    let site = serve().await;
    in_browser("magic_link", |browser| async move {
        let acme = site.by_path("acme");
        let mut phone = site.app.member(&acme, EMAIL).await;

        browser.open(&format!("{acme}/magic-link")).await?;
        browser.fill_in("E-mail address", EMAIL).await?;
        browser.press("Send me a link").await?;
        browser.see("Check your mail").await?;
        browser.follow("Show the mail (development)").await?;
        browser.follow_mailed_link().await?;
        browser.see("Welcome back").await?;
        browser.press("Sign in").await?;
        browser.see("Nothing to do").await?;

        browser.follow("Sessions").await?;
        browser.see("Firefox on Linux").await?;
        browser.press("End").await?;
        browser.see("That session is ended.").await?;
        browser.sees_nothing_of("Firefox on Linux").await?;
        phone.get(&acme).await.is_sent_to("/t/acme/sign-in");

        browser.press("Sign out").await?;
        browser.see("You are signed out.").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keyboard_is_enough_and_problems_stand_with_their_field() {
    let site = serve().await;
    in_browser("keyboard", |browser| async move {
        // The first field has the focus.
        browser.open(&format!("{}/sign-up", site.by_path("acme"))).await?;
        browser.focused().await?.send_keys("john.example.com" + Key::Tab).await?;
        browser.focused().await?.send_keys("short" + Key::Enter).await?;
        browser.see("This is no e-mail address").await?;

        let field = browser.focused().await?;
        assert_eq!(field.attr("name").await?.as_deref(), Some("email"));
        assert_eq!(field.attr("aria-invalid").await?.as_deref(), Some("true"));
        let described_by = field.attr("aria-describedby").await?.unwrap_or_default();
        let problem = browser.chromium.find(By::Id(described_by.trim())).await?;
        assert!(problem.text().await?.contains("This is no e-mail address"));
        assert_eq!(field.value().await?.as_deref(), Some("john.example.com"));
        let password = browser.chromium.find(By::Id("password")).await?;
        assert_eq!(password.value().await?.as_deref(), Some(""));

        // The first stop of a page leads past the navigation.
        browser.open(&format!("{}/check-mail", site.by_path("acme"))).await?;
        browser.see("Check your mail").await?;
        browser.focused().await?.send_keys(Key::Tab + "").await?;
        assert_eq!(browser.focused().await?.text().await?, "Skip to the content");
        browser.focused().await?.send_keys(Key::Enter + "").await?;
        assert_eq!(browser.focused().await?.id().await?.as_deref(), Some("main"));
        Ok(())
    })
    .await;
}

/// Signs up, follows the link of the mail, and signs in.
async fn sign_up(browser: &Browser, site: &Site, base: &str) -> WebDriverResult<()> {
    browser.open(&format!("{base}/sign-up")).await?;
    browser.fill_in("E-mail address", EMAIL).await?;
    browser.fill_in("Password", PASSWORD).await?;
    browser.press("Sign up").await?;
    browser.see("Check your mail").await?;
    browser.open(&format!("{}/dev/outbox", site.origin())).await?;
    browser.follow_mailed_link().await?;
    browser.press("Confirm my address").await?;
    browser.see("Your address is confirmed").await?;
    browser.fill_in("E-mail address", EMAIL).await?;
    browser.fill_in("Password", PASSWORD).await?;
    browser.press("Sign in").await?;
    browser.see("Nothing to do").await
}
