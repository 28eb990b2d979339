-- Beside the older version, which goes on reading and writing: new columns that it does not have to know, and a list of the
-- rows that it changes from now on. In one transaction.

CREATE TABLE _torii_upgrade (
    source   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    copied   TEXT COLLATE "C",
    is_whole BOOLEAN NOT NULL DEFAULT false
);

CREATE TABLE _torii_changes (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL
);

-- With the rights of whoever migrates: the application's role has none on the list.
CREATE FUNCTION _torii_note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO _torii_changes (source, id) VALUES (TG_TABLE_NAME, OLD.id::text);
    END IF;
    IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND NEW.id IS DISTINCT FROM OLD.id) THEN
        INSERT INTO _torii_changes (source, id) VALUES (TG_TABLE_NAME, NEW.id::text);
    END IF;
    RETURN NULL;
END
$$;

-- A key that nobody is found by, until the real one is known.
CREATE FUNCTION _torii_hold_key() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.email IS DISTINCT FROM OLD.email THEN
        NEW.email_key := '!torii!' || NEW.id;
    END IF;
    RETURN NEW;
END
$$;

ALTER TABLE users
    ADD COLUMN tenant_id VARCHAR(64) COLLATE "C" NOT NULL DEFAULT 'default',
    ADD COLUMN email_key TEXT COLLATE "C",
    ADD COLUMN metadata JSONB NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS locked_at TIMESTAMPTZ;

CREATE TRIGGER _torii_hold_key BEFORE INSERT OR UPDATE OF email ON users
    FOR EACH ROW EXECUTE FUNCTION _torii_hold_key();
CREATE TRIGGER _torii_note_change AFTER INSERT OR UPDATE OF id, email ON users
    FOR EACH ROW EXECUTE FUNCTION _torii_note_change();
