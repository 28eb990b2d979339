use serde_json::Value;
use torii::{User, UserId};

use super::render;

const HOSTILE: &str = "</script><script>alert(1)</script><!--";

fn data_of(html: &str) -> Value {
    let (_, block) = html.split_once("id=\"data\">").unwrap();
    serde_json::from_str(block.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn no_text_of_a_users_ends_the_block() {
    // No address like this can be registered, but databases are older than rules.
    let user = User::builder().id(UserId::new(HOSTILE)).email(HOSTILE.to_owned()).name(Some(HOSTILE.to_owned()));
    let user = user.build().unwrap();
    let html = render(Some(&user), false).unwrap();
    let data = data_of(&html);
    for field in ["id", "email", "name"] {
        assert_eq!(data["user"][field], HOSTILE);
    }
    assert_eq!(html.matches("</script>").count(), render(None, false).unwrap().matches("</script>").count());
    assert!(!html.contains("<script>alert") && !html.contains("<!--"), "{html}");
}

#[test]
fn it_says_how_somebody_is_known() {
    let user = User::builder().email("john@example.com".to_owned()).build().unwrap();
    for (user, bearer, source) in
        [(Some(&user), true, "Bearer"), (Some(&user), false, "cookie"), (None, false, "None"), (None, true, "None")]
    {
        let data = data_of(&render(user, bearer).unwrap());
        assert_eq!((&data["auth_source"], &data["authenticated"]), (&source.into(), &user.is_some().into()));
    }
}
