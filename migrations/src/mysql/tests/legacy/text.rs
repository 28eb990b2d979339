//! Character sets, collations, odd values.

use super::*;

/// The fixture with tables of another character set and collation.
fn with_text(fixture: &str, text: &str) -> String {
    fixture.replace("CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci", text)
}

#[tokio::test]
async fn tables_of_any_character_set_are_taken_over() {
    for text_type in [
        "CHARSET=latin1 COLLATE=latin1_swedish_ci",
        "CHARSET=latin1 COLLATE=latin1_bin",
        "CHARSET=utf8mb3 COLLATE=utf8mb3_unicode_ci",
        "CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
        "CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        "CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin",
    ] {
        for (fixture, version) in ALL {
            // Latin has no such letters.
            let fixture = with_text(fixture, text_type).replace(" 東京", "");
            let more = "CREATE TABLE articles (author VARCHAR(255) NOT NULL, CONSTRAINT articles_author FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE) "
                .to_owned() + text_type + ";INSERT INTO articles SELECT id FROM users";
            for more in ["", more.as_str()] {
                let (_database, pool) = old(&fixture, more).await;
                let adoption = adopt(&pool).await;
                assert_eq!((adoption.from, adoption.set_aside()), (version, 0), "{text_type}");
                assert_eq!(text(&pool, "SELECT name FROM users WHERE email LIKE 'unicode%'").await, "Zoë Ðöe");
                execute(&pool, "UPDATE users SET name = '東京'").await;
                assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions").await, 7);
                execute(&pool, "DELETE FROM users").await;
                assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions").await, 0);
            }
        }
    }
}

/// A table whose text is of another kind than that of users: ids are compared all the same.
#[tokio::test]
async fn tables_of_different_character_sets_are_taken_over() {
    let (_database, pool) = old(
        V053,
        "ALTER TABLE sessions CONVERT TO CHARACTER SET latin1 COLLATE latin1_general_cs;
         ALTER TABLE passkeys CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;
         ALTER TABLE oauth_accounts MODIFY user_id VARBINARY(255) NOT NULL, MODIFY subject VARBINARY(255) NOT NULL",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(adoption.set_aside(), 0, "{:?}", adoption.findings);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM passkeys").await, 2);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM oauth_accounts").await, 6);
}

/// An old collation has no regard to case, so a session's user may be spelled differently from the user.
#[tokio::test]
async fn ids_that_differ_in_case_alone_are_one() {
    let (_database, pool) = old(V053, "UPDATE sessions SET user_id = UPPER(user_id) WHERE id = 1").await;
    assert_eq!(adopt(&pool).await.set_aside(), 0);
    assert_eq!(text(&pool, "SELECT user_id FROM sessions WHERE user_agent = 'Agent/0'").await, ADA);
}

#[tokio::test]
async fn odd_values_survive() {
    let (_database, pool) = old(
        V053,
        "INSERT INTO passkeys (id, user_id, credential_id, data_json) VALUES
             (11, 'usr_2sfrVTFkRAMmGhBRq', 'not base 64!', '{\"x\": 1}'), (12, 'usr_2sfrVTFkRAMmGhBRq', 'AAEC', 'no json');
         UPDATE users SET password_hash = '', name = 'a\\0b\\n \\\\ ' WHERE id = 'usr_2sfrVTFkRAMmGhBRq';
         UPDATE users SET name = '😀 ' WHERE id = 'usr_2vuHQgcXzGoMWeLqo';
         UPDATE users SET email = ' Trailing@Example.com ' WHERE id = 'usr_5Q383apx2eSdRaATH';
         UPDATE users SET email = CONCAT(REPEAT('ä', 240), '@x.example') WHERE id = 'usr_5pMKJr3Deqnny4DkZ';
         UPDATE sessions SET user_agent = REPEAT('東', 255) WHERE id = 1",
    )
    .await;
    let adoption = adopt(&pool).await;
    assert_eq!(adoption.set_aside(), 0, "{:?}", adoption.findings);
    const PASSKEY: &str =
        "SELECT COUNT(*) FROM passkeys WHERE credential_id = 'not base 64!' AND public_key = '{\"x\": 1}'";
    assert_eq!(count(&pool, PASSKEY).await, 1);
    assert_eq!(
        count(&pool, "SELECT COUNT(*) FROM users WHERE password_hash IS NULL AND name = 'a\\0b\\n \\\\ '").await,
        1
    );
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users WHERE name = '😀 '").await, 1);
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM users WHERE name = '😀'").await, 0, "without padding");
    let trailing = "SELECT email_key FROM users WHERE email = ' Trailing@Example.com '";
    assert_eq!(text(&pool, trailing).await, "trailing@example.com");
    assert_eq!(
        count(&pool, "SELECT COUNT(*) FROM users WHERE email_key LIKE '#%' AND CHAR_LENGTH(email) = 250").await,
        1
    );
    assert_eq!(count(&pool, "SELECT CHAR_LENGTH(user_agent) FROM sessions WHERE ip_address = '10.0.0.0'").await, 255);
}

/// A server's or a session's own zone, and columns that an application gave a finer type, mean the same times.
#[tokio::test]
async fn times_are_kept() {
    let (_database, pool) = old(
        V053,
        "ALTER TABLE sessions MODIFY expires_at DATETIME(6) NOT NULL;
         UPDATE sessions SET expires_at = '9999-12-31 23:59:59.999999' WHERE id = 1;
         ALTER TABLE users MODIFY updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3);
         SET time_zone = '+05:00';
         UPDATE users SET created_at = '2026-11-23 17:00:00', updated_at = '2026-11-23 17:00:00.123' WHERE name = 'OA 0'",
    )
    .await;
    adopt(&pool).await;
    const USER: &str = "SELECT CAST(CONCAT(created_at, ' ', updated_at) AS CHAR) FROM users WHERE name = 'OA 0'";
    assert_eq!(text(&pool, USER).await, "2026-11-23 12:00:00.000000 2026-11-23 12:00:00.123000");
    let end = "SELECT CAST(expires_at AS CHAR) FROM sessions WHERE user_agent = 'Agent/0'";
    assert_eq!(text(&pool, end).await, "9999-12-31 23:59:59.000000");
}

/// Tables of an engine that knows no keys.
#[tokio::test]
async fn tables_of_another_engine_are_taken_over() {
    let (_database, pool) =
        old(&with_text(V053, "CHARSET=latin1").replace(" 東京", "").replace("ENGINE=InnoDB", "ENGINE=MyISAM"), "")
            .await;
    assert_eq!(adopt(&pool).await.set_aside(), 0);
    execute(&pool, "DELETE FROM users").await;
    assert_eq!(count(&pool, "SELECT COUNT(*) FROM sessions").await, 0);
}
