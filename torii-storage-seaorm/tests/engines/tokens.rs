use chrono::TimeDelta;
use torii_core::{TokenPurpose, UserId, crypto::TokenUse, repositories::TokenRepository};

use crate::world::{EMAIL, Engine, World};

const HOUR: TimeDelta = TimeDelta::hours(1);

/// As two that are issued at the same moment may be left by another crate.
pub(crate) async fn of_two_tokens_the_newer_one_works(engine: Engine) {
    for w in World::both(engine).await {
        let user = w.register(EMAIL).await;
        let older = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        // Away while the newer one is issued, which deletes what is there.
        w.execute("UPDATE secure_tokens SET purpose = 'password_reset'").await;
        w.clock.advance(TimeDelta::microseconds(1));
        let newer = w.storage.create_token(&user.id, TokenPurpose::MagicLink, HOUR).await.unwrap();
        w.execute("UPDATE secure_tokens SET purpose = 'magic_link'").await;
        let (older, newer) = (older.token().unwrap(), newer.token().unwrap());
        let link = w.digest(TokenUse::Mail(TokenPurpose::MagicLink), older);
        for _ in 0..2 {
            assert!(!w.storage.check_token(older, TokenPurpose::MagicLink).await.unwrap());
            assert!(w.storage.verify_token(older, TokenPurpose::MagicLink).await.unwrap().is_none());
            assert!(w.storage.redeem_magic_link(&link, &|_: &UserId| None).await.unwrap().is_none());
            // The second time it is used.
            w.storage.verify_token(newer, TokenPurpose::MagicLink).await.unwrap();
        }
    }
}
