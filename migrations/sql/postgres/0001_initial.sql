-- The schema of torii on PostgreSQL.
--
-- Every key of a tenant's row begins with tenant_id, and every foreign key to a user holds the tenant too: a
-- row that joins two tenants cannot be written. Text that is compared is COLLATE "C": equality is by bytes, keys
-- are compared the cheap way, and an upgrade of the system's locale data cannot corrupt an index. Addresses are
-- found by plain text in email_key: citext and indexes on expressions are not used under row-level security,
-- whose policies come first unless a function is leakproof. Nothing here needs an extension or a schema name;
-- tables are made in the first schema of the search path.

CREATE TABLE tenants (
    id           VARCHAR(64) COLLATE "C" NOT NULL PRIMARY KEY,
    name         TEXT,
    status       TEXT COLLATE "C" NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    settings     JSONB NOT NULL DEFAULT '{}',
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    suspended_at TIMESTAMPTZ,
    -- No character outside the class, instead of a pattern between anchors: what `$` matches before a final
    -- newline differs between engines and options.
    CHECK (id <> '' AND id !~ '[^A-Za-z0-9_-]')
);

CREATE TABLE users (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id         VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    email             TEXT COLLATE "C" NOT NULL,
    email_key         TEXT COLLATE "C" NOT NULL,
    name              TEXT,
    email_verified_at TIMESTAMPTZ,
    locked_at         TIMESTAMPTZ,
    password_hash     TEXT,
    metadata          JSONB NOT NULL DEFAULT '{}',
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    -- What rows of other tables refer to, and the order of a tenant's pages of users.
    CONSTRAINT users_tenant_user UNIQUE (tenant_id, id),
    -- A user is found by address.
    CONSTRAINT users_tenant_email UNIQUE (tenant_id, email_key)
);
-- Users are found by what their metadata contain.
CREATE INDEX users_metadata ON users USING gin (metadata jsonb_path_ops);

CREATE TABLE sessions (
    tenant_id    VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    token_digest BYTEA NOT NULL CHECK (octet_length(token_digest) = 32),
    user_id      TEXT COLLATE "C" NOT NULL,
    user_agent   TEXT,
    ip_address   TEXT,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, token_digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- A user's sessions are listed, end together, and go with the user.
CREATE INDEX sessions_tenant_user ON sessions (tenant_id, user_id);
-- Here and below: what is over is swept in batches, the oldest first.
CREATE INDEX sessions_expires ON sessions (expires_at);

CREATE TABLE oauth_accounts (
    tenant_id  VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    provider   TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, provider, subject),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- A user's accounts are listed and unlinked, and go with the user.
CREATE INDEX oauth_accounts_tenant_user ON oauth_accounts (tenant_id, user_id);

CREATE TABLE oauth_states (
    tenant_id     VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    state_digest  BYTEA NOT NULL CHECK (octet_length(state_digest) = 32),
    pkce_verifier TEXT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, state_digest)
);
CREATE INDEX oauth_states_expires ON oauth_states (expires_at);

CREATE TABLE passkeys (
    tenant_id     VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    credential_id BYTEA NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    public_key    BYTEA NOT NULL,
    name          TEXT,
    -- WebAuthn counts in 32 bits without a sign, INTEGER has one.
    sign_count    BIGINT NOT NULL DEFAULT 0 CHECK (sign_count >= 0),
    last_used_at  TIMESTAMPTZ,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- A user's passkeys are listed and deleted, and go with the user.
CREATE INDEX passkeys_tenant_user ON passkeys (tenant_id, user_id);

CREATE TABLE passkey_challenges (
    tenant_id    VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    challenge_id BYTEA NOT NULL CHECK (octet_length(challenge_id) = 32),
    challenge    TEXT NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, challenge_id)
);
CREATE INDEX passkey_challenges_expires ON passkey_challenges (expires_at);

CREATE TABLE secure_tokens (
    tenant_id    VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    token_digest BYTEA NOT NULL CHECK (octet_length(token_digest) = 32),
    user_id      TEXT COLLATE "C" NOT NULL,
    purpose      TEXT COLLATE "C" NOT NULL
        CHECK (purpose IN ('magic_link', 'password_reset', 'email_verification')),
    used_at      TIMESTAMPTZ,
    expires_at   TIMESTAMPTZ NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, token_digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
-- A token works only if its user has no newer one, a new one replaces older ones, and all go with the user.
CREATE INDEX secure_tokens_tenant_user ON secure_tokens (tenant_id, user_id);
CREATE INDEX secure_tokens_expires ON secure_tokens (expires_at);

-- One row per address that was tried, whether or not somebody has it: no key to users, on purpose.
CREATE TABLE lockouts (
    tenant_id         VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    email_key         TEXT COLLATE "C" NOT NULL,
    failures          BIGINT NOT NULL CHECK (failures >= 0),
    window_started_at TIMESTAMPTZ NOT NULL,
    locked_until      TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, email_key)
);

CREATE TABLE failed_login_attempts (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES tenants (id) ON DELETE CASCADE,
    email        TEXT COLLATE "C" NOT NULL,
    ip_address   TEXT,
    attempted_at TIMESTAMPTZ NOT NULL
);
-- The log of an address is counted from some time on, and cleared. A sweep follows the key.
CREATE INDEX failed_login_attempts_tenant_email ON failed_login_attempts (tenant_id, email, attempted_at);
