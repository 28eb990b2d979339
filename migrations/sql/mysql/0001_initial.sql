-- The schema of torii on MySQL 8.0.17 and MariaDB 10.6, and newer.
--
-- Every key of a tenant's row begins with tenant_id, and every foreign key to a user holds the tenant too: a
-- row that joins two tenants cannot be written. Every table names its engine, row format, character set and
-- collation, because a database's defaults are often others (latin1 without regard to case, for one).
--
-- Text is compared by bytes and without padding: with most collations, utf8mb4_bin among them, 'a ' equals 'a'.
-- The two servers have no such collation in common, so each reads the comment that is written for it.
-- Tenant ids are ASCII, where MySQL has none at all; so a tenant_id that ends in a space would count as the one
-- without, and is refused wherever it could be written. Ids of users are compared with what anybody sent: a
-- column of ASCII text makes that an error of its own instead of a miss.
--
-- Each statement commits by itself, whatever surrounds it. A run that was interrupted is repeated, and goes on
-- behind the last table that is there.

CREATE TABLE IF NOT EXISTS tenants (
    id           VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    name         TEXT,
    status       VARCHAR(16) NOT NULL DEFAULT 'active',
    settings     JSON NOT NULL DEFAULT (JSON_OBJECT()),
    created_at   DATETIME(6) NOT NULL,
    updated_at   DATETIME(6) NOT NULL,
    suspended_at DATETIME(6),
    -- No character outside the class, instead of a pattern between anchors: `$` matches before a final newline.
    CONSTRAINT tenants_id_valid CHECK (id NOT REGEXP '[^A-Za-z0-9_-]' AND id <> ''),
    CONSTRAINT tenants_status_valid CHECK (status IN ('active', 'suspended'))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS users (
    id                VARCHAR(255) NOT NULL PRIMARY KEY,
    tenant_id         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    email             VARCHAR(255) NOT NULL,
    email_key         VARCHAR(255) NOT NULL,
    name              TEXT,
    email_verified_at DATETIME(6),
    locked_at         DATETIME(6),
    password_hash     TEXT,
    metadata          JSON NOT NULL DEFAULT (JSON_OBJECT()),
    created_at        DATETIME(6) NOT NULL,
    updated_at        DATETIME(6) NOT NULL,
    CONSTRAINT users_tenant_user UNIQUE (tenant_id, id),
    CONSTRAINT users_tenant_email UNIQUE (tenant_id, email_key),
    CONSTRAINT users_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT users_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS sessions (
    tenant_id    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    token_digest BINARY(32) NOT NULL,
    user_id      VARCHAR(255) NOT NULL,
    user_agent   TEXT,
    ip_address   TEXT,
    created_at   DATETIME(6) NOT NULL,
    updated_at   DATETIME(6) NOT NULL,
    expires_at   DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, token_digest),
    KEY sessions_tenant_user (tenant_id, user_id),
    KEY sessions_expires (expires_at),
    CONSTRAINT sessions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT sessions_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT sessions_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- Provider and subject have at most 255 bytes each: with the tenant, the key stays below InnoDB's 3072 bytes.
CREATE TABLE IF NOT EXISTS oauth_accounts (
    tenant_id  VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    provider   VARCHAR(255) NOT NULL,
    subject    VARCHAR(255) NOT NULL,
    user_id    VARCHAR(255) NOT NULL,
    created_at DATETIME(6) NOT NULL,
    updated_at DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, provider, subject),
    KEY oauth_accounts_tenant_user (tenant_id, user_id),
    CONSTRAINT oauth_accounts_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT oauth_accounts_user_fkey
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT oauth_accounts_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS oauth_states (
    tenant_id     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    state_digest  BINARY(32) NOT NULL,
    pkce_verifier TEXT NOT NULL,
    created_at    DATETIME(6) NOT NULL,
    expires_at    DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, state_digest),
    KEY oauth_states_expires (expires_at),
    CONSTRAINT oauth_states_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT oauth_states_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- A credential id has at most 1023 bytes (WebAuthn, section 4).
CREATE TABLE IF NOT EXISTS passkeys (
    tenant_id     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    credential_id VARBINARY(1023) NOT NULL,
    user_id       VARCHAR(255) NOT NULL,
    public_key    BLOB NOT NULL,
    name          TEXT,
    -- WebAuthn counts in 32 bits without a sign.
    sign_count    BIGINT NOT NULL DEFAULT 0,
    last_used_at  DATETIME(6),
    created_at    DATETIME(6) NOT NULL,
    updated_at    DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, credential_id),
    KEY passkeys_tenant_user (tenant_id, user_id),
    CONSTRAINT passkeys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT passkeys_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT passkeys_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> ''),
    CONSTRAINT passkeys_sign_count_valid CHECK (sign_count >= 0)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS passkey_challenges (
    tenant_id    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    challenge_id BINARY(32) NOT NULL,
    -- It may hold the ids of every passkey of a user.
    challenge    MEDIUMTEXT NOT NULL,
    created_at   DATETIME(6) NOT NULL,
    expires_at   DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, challenge_id),
    KEY passkey_challenges_expires (expires_at),
    CONSTRAINT passkey_challenges_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT passkey_challenges_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS secure_tokens (
    tenant_id    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    token_digest BINARY(32) NOT NULL,
    user_id      VARCHAR(255) NOT NULL,
    purpose      VARCHAR(32) NOT NULL,
    used_at      DATETIME(6),
    expires_at   DATETIME(6) NOT NULL,
    created_at   DATETIME(6) NOT NULL,
    updated_at   DATETIME(6) NOT NULL,
    PRIMARY KEY (tenant_id, token_digest),
    KEY secure_tokens_tenant_user (tenant_id, user_id),
    KEY secure_tokens_expires (expires_at),
    CONSTRAINT secure_tokens_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT secure_tokens_user_fkey
        FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT secure_tokens_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> ''),
    CONSTRAINT secure_tokens_purpose_valid
        CHECK (purpose IN ('magic_link', 'password_reset', 'email_verification'))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

-- One row per address that was tried, whether or not somebody has it: no key to users, on purpose.
CREATE TABLE IF NOT EXISTS lockouts (
    tenant_id         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    email_key         VARCHAR(255) NOT NULL,
    failures          BIGINT NOT NULL,
    window_started_at DATETIME(6) NOT NULL,
    locked_until      DATETIME(6),
    PRIMARY KEY (tenant_id, email_key),
    CONSTRAINT lockouts_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT lockouts_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> ''),
    CONSTRAINT lockouts_failures_valid CHECK (failures >= 0)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;

CREATE TABLE IF NOT EXISTS failed_login_attempts (
    id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    tenant_id    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    email        VARCHAR(255) NOT NULL,
    ip_address   TEXT,
    attempted_at DATETIME(6) NOT NULL,
    KEY failed_login_attempts_tenant_email (tenant_id, email, attempted_at),
    CONSTRAINT failed_login_attempts_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT failed_login_attempts_tenant_valid CHECK (tenant_id NOT REGEXP '[^A-Za-z0-9_-]' AND tenant_id <> '')
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4
  COLLATE /*M!100202 utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */;
