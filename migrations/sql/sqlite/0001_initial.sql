-- The schema of torii on SQLite.
--
-- Times are TEXT as sqlx writes a DateTime<Utc>, digests are 32-byte BLOBs. Every table is STRICT, so a value
-- of another type is refused instead of stored. Every key of a tenant's row begins with tenant_id, and every
-- foreign key to a user holds the tenant too: a row that joins two tenants cannot be written.

-- Looked up by id alone, and by every foreign key check: one b-tree instead of two.
CREATE TABLE tenants (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT,
    status       TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    settings     TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    suspended_at TEXT,
    -- length() and GLOB stop at a NUL character, the length in bytes does not.
    CHECK (
        length(id) BETWEEN 1 AND 64
        AND length(CAST(id AS BLOB)) = length(id)
        AND id NOT GLOB '*[^A-Za-z0-9_-]*'
    )
) STRICT, WITHOUT ROWID;

-- A rowid table: its rows are wide (hash, metadata) and its ids random, so rows are appended and only the
-- narrow keys are written at random places.
CREATE TABLE users (
    id                TEXT NOT NULL PRIMARY KEY,
    tenant_id         TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    email             TEXT NOT NULL,
    email_key         TEXT NOT NULL,
    name              TEXT,
    email_verified_at TEXT,
    locked_at         TEXT,
    password_hash     TEXT,
    metadata          TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata)),
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, email_key)
) STRICT;

CREATE TABLE sessions (
    tenant_id    TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    token_digest BLOB NOT NULL CHECK (length(token_digest) = 32),
    user_id      TEXT NOT NULL,
    user_agent   TEXT,
    ip_address   TEXT,
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, token_digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_tenant_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE oauth_accounts (
    tenant_id  TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    provider   TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, provider, subject),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_accounts_tenant_user ON oauth_accounts (tenant_id, user_id);

CREATE TABLE oauth_states (
    tenant_id     TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    state_digest  BLOB NOT NULL CHECK (length(state_digest) = 32),
    pkce_verifier TEXT NOT NULL,
    created_at    TEXT NOT NULL,
    expires_at    TEXT NOT NULL,
    PRIMARY KEY (tenant_id, state_digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_states_expires ON oauth_states (expires_at);

CREATE TABLE passkeys (
    tenant_id     TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    credential_id BLOB NOT NULL,
    user_id       TEXT NOT NULL,
    public_key    BLOB NOT NULL,
    name          TEXT,
    sign_count    INTEGER NOT NULL DEFAULT 0 CHECK (sign_count >= 0),
    last_used_at  TEXT,
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    PRIMARY KEY (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX passkeys_tenant_user ON passkeys (tenant_id, user_id);

CREATE TABLE passkey_challenges (
    tenant_id    TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    challenge_id BLOB NOT NULL CHECK (length(challenge_id) = 32),
    challenge    TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, challenge_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX passkey_challenges_expires ON passkey_challenges (expires_at);

CREATE TABLE secure_tokens (
    tenant_id    TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    token_digest BLOB NOT NULL CHECK (length(token_digest) = 32),
    user_id      TEXT NOT NULL,
    purpose      TEXT NOT NULL CHECK (purpose IN ('magic_link', 'password_reset', 'email_verification')),
    used_at      TEXT,
    expires_at   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, token_digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX secure_tokens_tenant_user ON secure_tokens (tenant_id, user_id);
CREATE INDEX secure_tokens_expires ON secure_tokens (expires_at);

-- One row per address that was tried, whether or not somebody has it: no key to users, on purpose.
CREATE TABLE lockouts (
    tenant_id         TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    email_key         TEXT NOT NULL,
    failures          INTEGER NOT NULL CHECK (failures >= 0),
    window_started_at TEXT NOT NULL,
    locked_until      TEXT,
    PRIMARY KEY (tenant_id, email_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE failed_login_attempts (
    id           INTEGER NOT NULL PRIMARY KEY,
    tenant_id    TEXT NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    email        TEXT NOT NULL,
    ip_address   TEXT,
    attempted_at TEXT NOT NULL
) STRICT;
CREATE INDEX failed_login_attempts_tenant_email ON failed_login_attempts (tenant_id, email, attempted_at);
