//! A thousand tenants with 200,000 users: one of them has a quarter, the others about 150 each.

macro_rules! unchecked {
    ($insert:literal) => {
        concat!("DO $$ BEGIN SET LOCAL session_replication_role = replica; ", $insert, "; END $$")
    };
}

/// Run one after the other. Keys are hashes of numbers, in no order, as real ones are. Foreign keys are not looked at row by row
/// (`session_replication_role`), which would take most of the time; whose rows they are is read from `users`.
pub(super) const STATEMENTS: [&str; 11] = [
    unchecked!(
        "INSERT INTO tenants (id, created_at, updated_at) \
     SELECT 'tenant-' || i, '2026-01-01', '2026-01-01' FROM generate_series(0, 999) AS i"
    ),
    unchecked!(
        "INSERT INTO users (id, tenant_id, email, email_key, name, email_verified_at, password_hash, metadata, created_at, updated_at) \
     SELECT 'usr_' || md5(i::text), 'tenant-' || CASE WHEN i % 4 = 0 THEN 0 ELSE 1 + i % 999 END, \
     'user-' || i || '@example.com', 'user-' || i || '@example.com', 'User ' || i, \
     CASE WHEN i % 10 < 8 THEN timestamptz '2026-01-01' END, CASE WHEN i % 10 < 7 THEN repeat('h', 97) END, \
     CASE WHEN i % 10 = 0 THEN '{\"plan\": \"pro\"}' WHEN i % 10 < 4 THEN '{\"plan\": \"free\"}' ELSE '{}' END::jsonb, \
     timestamptz '2026-01-01' + i * interval '1 minute', timestamptz '2026-01-01' + i * interval '1 minute' \
     FROM generate_series(1, 200000) AS i"
    ),
    // One, two or none of each user.
    unchecked!(
        "INSERT INTO sessions (tenant_id, token_digest, user_id, user_agent, ip_address, created_at, updated_at, expires_at) \
     SELECT tenant_id, sha256((id || number)::bytea), id, 'Mozilla/5.0 (X11; Linux x86_64)', '192.0.2.1', created_at, created_at, \
     created_at + interval '30 days' FROM users, generate_series(1, 2) AS number \
     WHERE id LIKE 'usr_%' AND (number = 1 OR email_verified_at IS NULL)"
    ),
    unchecked!(
        "INSERT INTO oauth_accounts (tenant_id, provider, subject, user_id, created_at, updated_at) \
     SELECT tenant_id, CASE WHEN id < 'usr_2' THEN 'github' ELSE 'google' END, md5(id), id, created_at, created_at \
     FROM users WHERE id LIKE 'usr_%' AND id < 'usr_5'"
    ),
    unchecked!(
        "INSERT INTO passkeys (tenant_id, credential_id, user_id, public_key, created_at, updated_at) \
     SELECT tenant_id, sha256(id::bytea), id, repeat('k', 77)::bytea, created_at, created_at \
     FROM users WHERE id LIKE 'usr_%' AND id > 'usr_d'"
    ),
    unchecked!(
        "INSERT INTO secure_tokens (tenant_id, token_digest, user_id, purpose, used_at, expires_at, created_at, updated_at) \
     SELECT tenant_id, sha256(id::bytea), id, \
     CASE WHEN id < 'usr_6' THEN 'magic_link' WHEN id < 'usr_7' THEN 'password_reset' ELSE 'email_verification' END, \
     CASE WHEN email_verified_at IS NOT NULL THEN created_at END, created_at + interval '1 day', created_at, created_at \
     FROM users WHERE id LIKE 'usr_%' AND id BETWEEN 'usr_4' AND 'usr_9'"
    ),
    // Addresses of users, and as many that nobody has.
    unchecked!(
        "INSERT INTO lockouts (tenant_id, email_key, failures, window_started_at, locked_until) \
     SELECT tenant_id, prefix || email_key, 1 + length(email) % 5, created_at, \
     CASE WHEN length(email) % 5 = 4 THEN created_at + interval '15 minutes' END \
     FROM users, (VALUES (''), ('x')) AS prefixes (prefix) WHERE id LIKE 'usr_%' AND id < 'usr_1'"
    ),
    unchecked!(
        "INSERT INTO failed_login_attempts (tenant_id, email, ip_address, attempted_at) \
     SELECT tenant_id, email_key, '192.0.2.1', window_started_at + number * interval '1 second' \
     FROM lockouts, generate_series(1, 4) AS number WHERE number <= failures"
    ),
    unchecked!(
        "INSERT INTO oauth_states (tenant_id, state_digest, pkce_verifier, created_at, expires_at) \
     SELECT tenant_id, sha256(id::bytea), repeat('v', 43), created_at, created_at + interval '10 minutes' \
     FROM users WHERE id LIKE 'usr_%' AND id < 'usr_1'"
    ),
    unchecked!(
        "INSERT INTO passkey_challenges (tenant_id, challenge_id, challenge, created_at, expires_at) \
     SELECT tenant_id, sha256(id::bytea), repeat('c', 200), created_at, created_at + interval '5 minutes' \
     FROM users WHERE id LIKE 'usr_%' AND id < 'usr_1'"
    ),
    "VACUUM (ANALYZE)",
];
