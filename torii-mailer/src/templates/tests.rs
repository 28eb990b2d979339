use askama::Template;
use serde_json::json;

use super::{
    AskamaTemplateEngine, EmailVerificationTemplate, MagicLinkTemplate, PasswordChangedTemplate, PasswordResetTemplate,
    TemplateContext, TemplateData, TemplateEngine, WelcomeTemplate, wording,
};
use crate::MailerError;

const NAMES: [(&str, Option<&str>); 5] = [
    ("magic_link", Some("magic_link")),
    ("welcome", None),
    ("password_reset", Some("reset_link")),
    ("password_changed", None),
    ("email_verification", Some("verification_link")),
];

fn context(user_name: Option<&str>) -> TemplateContext {
    TemplateContext {
        app_name: "Acme".to_owned(),
        app_url: "https://acme.example/start".to_owned(),
        user_email: Some("user@acme.example".to_owned()),
        user_name: user_name.map(str::to_owned),
    }
}

fn data(link_key: Option<&str>, user_name: Option<&str>) -> TemplateData {
    let data = TemplateData::new().insert("context", context(user_name)).unwrap();
    match link_key {
        Some(key) => data.insert(key, "https://acme.example/x?a=1&b=2&token=T").unwrap(),
        None => data,
    }
}

/// HTML and text of a template.
async fn bodies(name: &str, data: TemplateData) -> (String, String) {
    let engine = AskamaTemplateEngine::new();
    let html = engine.render_html(name, data.clone()).await.unwrap();
    assert_eq!(engine.render(name, data.clone()).await.unwrap(), html);
    (html, engine.render_text(name, data).await.unwrap())
}

#[tokio::test]
async fn every_template_has_its_greeting_link_and_application() {
    for (name, link_key) in NAMES {
        let (html, text) = bodies(name, data(link_key, Some("Ann"))).await;
        for body in [&html, &text] {
            assert!(body.contains("Hello Ann,"), "{name}");
            assert!(body.contains("Acme"), "{name}");
            assert!(!body.contains("user@acme.example"), "{name}");
        }
        if link_key.is_some() {
            assert!(text.contains("\nhttps://acme.example/x?a=1&b=2&token=T\n"), "{name}: {text}");
            let escaped = "https://acme.example/x?a=1&#38;b=2&#38;token=T";
            assert_eq!(html.matches(&format!("href=\"{escaped}\"")).count(), 2, "{name}");
            assert_eq!(html.matches(&format!(">{escaped}</a>")).count(), 1, "{name}");
        } else {
            assert!(text.contains("\nhttps://acme.example/start\n"), "{name}: {text}");
            assert!(html.contains("href=\"https://acme.example/start\""), "{name}");
        }
        let (html, text) = bodies(name, data(link_key, None)).await;
        assert!(html.contains("Hello,") && text.starts_with("Hello,\n\n"), "{name}");
    }
}

#[tokio::test]
async fn html_escapes_and_text_does_not() {
    let nasty = r#"<b>"Ann" & 'Co'</b>"#;
    for (name, link_key) in NAMES {
        let (html, text) = bodies(name, data(link_key, Some(nasty))).await;
        assert!(text.contains(nasty), "{name}");
        assert!(!html.contains("<b>") && !html.contains("\"Ann\""), "{name}");
        assert!(html.contains("&#60;b&#62;&#34;Ann&#34; &#38; &#39;Co&#39;&#60;/b&#62;"), "{name}");
        // No markup, style rules or entities in the text.
        let text = text.replace(nasty, "");
        assert!(!text.contains(['<', '>', '{', '}']) && !text.contains("&#"), "{name}: {text}");
    }
}

#[tokio::test]
async fn lifetimes_follow_the_data() {
    for (name, usual) in
        [("magic_link", "15 minutes"), ("password_reset", "15 minutes"), ("email_verification", "24 hours")]
    {
        let key = NAMES.iter().find(|(n, _)| *n == name).unwrap().1;
        for (minutes, expected) in [(None, usual), (Some(json!(90)), "90 minutes"), (Some(json!("soon")), usual)] {
            let mut data = data(key, None);
            if let Some(minutes) = minutes {
                data = data.insert("expires_in_minutes", minutes).unwrap();
            }
            let (html, text) = bodies(name, data).await;
            for body in [html, text] {
                assert!(body.contains(&format!("expires in {expected}.")), "{name}: {body}");
                assert_eq!(body.matches("expires in").count(), 1, "{name}");
            }
        }
    }
}

#[test]
fn minutes_are_put_into_words() {
    for (minutes, words) in [
        (0, "less than a minute"),
        (1, "1 minute"),
        (15, "15 minutes"),
        (60, "1 hour"),
        (90, "90 minutes"),
        (120, "2 hours"),
        (1_440, "24 hours"),
        (1_500, "25 hours"),
        (2_880, "2 days"),
        (10_080, "7 days"),
    ] {
        assert_eq!(wording::minutes(minutes), words);
    }
}

#[test]
fn a_greeting_is_one_short_line() {
    let greeting = |name: &str| wording::greeting(&Some(name.to_owned()));
    assert_eq!(greeting(" \r\n\t "), "Hello,");
    assert_eq!(greeting("Ann\r\nBcc: x\u{2028}\0y"), "Hello Ann Bcc: x y,");
    assert_eq!(greeting("\u{202e}nnA"), "Hello nnA,");
    assert_eq!(greeting(&"ü".repeat(100)), format!("Hello {},", "ü".repeat(100)));
    assert_eq!(greeting(&"ü".repeat(10_000)), format!("Hello {}…,", "ü".repeat(100)));
}

#[tokio::test]
async fn missing_links_unknown_names_and_bad_contexts() {
    let engine = AskamaTemplateEngine::with_template_dir("/nowhere");
    for (name, link_key) in NAMES {
        let Some(key) = link_key else { continue };
        for data in [TemplateData::new(), TemplateData::new().insert(key, 5).unwrap()] {
            let error = engine.render_text(name, data).await.unwrap_err();
            assert_eq!(error.to_string(), format!("Email builder error: {key} is required"));
        }
    }
    let error = engine.render("nonsense", TemplateData::new()).await.unwrap_err();
    assert!(matches!(error, MailerError::Template(_)));
    assert!(error.to_string().contains("nonsense"));

    let data = TemplateData::new().insert("context", "not a context").unwrap();
    assert!(engine.render("welcome", data).await.unwrap().contains("Your App"));
}

#[test]
fn pages_are_templates_of_their_own() {
    let page = PasswordResetTemplate {
        app_name: "Acme".to_owned(),
        app_url: "https://acme.example".to_owned(),
        user_name: None,
        reset_link: "https://acme.example/reset".to_owned(),
    };
    assert_eq!(page.to_string(), page.render().unwrap());
    assert!(page.to_string().contains("15 minutes"));

    let context = data(None, Some("Ann"));
    let welcome = WelcomeTemplate::from_data(context.clone()).unwrap();
    let changed = PasswordChangedTemplate::from_data(context.clone()).unwrap();
    assert_eq!(welcome.user_name, changed.user_name);
    assert!(MagicLinkTemplate::from_data(context.clone()).is_err());
    assert!(EmailVerificationTemplate::from_data(context).is_err());
}

#[test]
fn data_is_a_map_whose_debug_shows_keys() {
    let data = data(Some("magic_link"), None);
    assert_eq!(data.get("magic_link").unwrap(), "https://acme.example/x?a=1&b=2&token=T");
    assert!(data.get("other").is_none());
    assert_eq!(format!("{data:?}"), r#"TemplateData { keys: ["context", "magic_link"], .. }"#);
    let error = TemplateData::new().insert("x", std::collections::HashMap::from([((1, 2), 3)]));
    assert!(matches!(error, Err(MailerError::Serialization(_))));
}
