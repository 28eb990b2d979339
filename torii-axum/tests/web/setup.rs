//! What an application cannot be set up with.

use std::panic::{AssertUnwindSafe, catch_unwind};

use torii_axum::{
    AuthSettings, ConfigError, CookieConfig, CookieSameSite, LinkConfig, TenantResolver, VerifyResetTokenRequest,
    routes,
};

use crate::app::App;

#[tokio::test]
async fn wrong_settings_are_found_when_the_application_starts() {
    let app = App::single().await;
    let links = || AuthSettings::new().with_links(LinkConfig::new("https://app.example"));
    let tenants = || TenantResolver::registered_in(&app.torii);
    let cookie = |cookie: CookieConfig| links().with_cookie(cookie);
    for (settings, error) in [
        (AuthSettings::new(), ConfigError::MissingLinks),
        (links().with_tenants(tenants().from_path("")), ConfigError::MissingTenantLinks),
        (links().with_tenants(tenants()), ConfigError::NoTenantSource),
        (cookie(CookieConfig::development().same_site(CookieSameSite::None)), ConfigError::InsecureSameSiteNone),
        (cookie(CookieConfig::new("__Host-sid").path("/app")), ConfigError::CookiePrefix),
        (cookie(CookieConfig::new("__Host-sid").secure(false)), ConfigError::CookiePrefix),
        (cookie(CookieConfig::new("__Secure-sid").secure(false)), ConfigError::CookiePrefix),
        (cookie(CookieConfig::new("")), ConfigError::CookieSyntax),
        (cookie(CookieConfig::new("a%b")), ConfigError::CookieSyntax),
        (cookie(CookieConfig::new("a b")), ConfigError::CookieSyntax),
        (cookie(CookieConfig::new("sid").path("/; Domain=app.example")), ConfigError::CookieSyntax),
    ] {
        let built = routes(app.torii.clone()).with_settings(settings).try_build();
        assert_eq!(built.err(), Some(error));
    }
    for settings in [
        links(),
        cookie(CookieConfig::new("__Host-sid")),
        cookie(CookieConfig::default().same_site(CookieSameSite::None)),
    ] {
        assert!(routes(app.torii.clone()).with_settings(settings).try_build().is_ok());
    }
}

#[tokio::test]
async fn same_site_none_without_secure_is_refused() {
    let app = App::single().await;
    let cookie = CookieConfig::development().same_site(CookieSameSite::None);
    let builder =
        routes(app.torii.clone()).with_cookie_config(cookie).with_link_config(LinkConfig::new("https://app.example"));
    assert_eq!(builder.try_build().err(), Some(ConfigError::InsecureSameSiteNone));
}

#[tokio::test]
async fn building_without_links_panics_and_names_them() {
    let app = App::single().await;
    let built = catch_unwind(AssertUnwindSafe(|| routes(app.torii.clone()).build()));
    let text = built.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("LinkConfig"), "{text}");
}

#[test]
fn bodies_show_no_secret() {
    let request = VerifyResetTokenRequest { token: "4711".into() };
    assert_eq!(format!("{request:?}"), "VerifyResetTokenRequest { token: \"[REDACTED]\" }");
    let request = torii_axum::LoginRequest { email: "john@example.com".into(), password: "4711".into() };
    assert_eq!(format!("{request:?}"), "LoginRequest { email: \"john@example.com\", password: \"[REDACTED]\" }");
}
